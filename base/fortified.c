/*
 * Debian's archives of libseccomp, libcap and yajl are compiled against glibc with _FORTIFY_SOURCE:
 * they call the checked forms of these functions, which musl does not have.  Only a static program
 * with musl has this file (see the Makefile).
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int __asprintf_chk(char **ret, int flag, const char *format, ...);
int __fprintf_chk(FILE *stream, int flag, const char *format, ...);
int __sprintf_chk(char *ret, int flag, size_t size, const char *format, ...);
int __snprintf_chk(char *ret, size_t most, int flag, size_t size, const char *format, ...);
void *__memcpy_chk(void *to, const void *from, size_t count, size_t size);

#define PRINTED(call)            \
    va_list arguments;           \
    int length;                  \
    va_start(arguments, format); \
    length = call;               \
    va_end(arguments);           \
    return length

int __asprintf_chk(char **ret, int flag, const char *format, ...)
{
    (void)flag;
    PRINTED(vasprintf(ret, format, arguments));
}

int __fprintf_chk(FILE *stream, int flag, const char *format, ...)
{
    (void)flag;
    PRINTED(vfprintf(stream, format, arguments));
}

int __sprintf_chk(char *ret, int flag, size_t size, const char *format, ...)
{
    (void)flag;
    PRINTED(vsnprintf(ret, size, format, arguments));
}

int __snprintf_chk(char *ret, size_t most, int flag, size_t size, const char *format, ...)
{
    (void)flag;
    PRINTED(vsnprintf(ret, most < size ? most : size, format, arguments));
}

void *__memcpy_chk(void *to, const void *from, size_t count, size_t size)
{
    if (count > size)
        abort();
    return memcpy(to, from, count);
}
