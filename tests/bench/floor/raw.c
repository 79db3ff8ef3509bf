/* The first instruction of a program without libc, its last words, and text. */

#include "tests/bench/floor/raw.h"

/* gcc calls these two even when there is no library. */
void *memset(void *to, int value, size_t length);
void *memcpy(void *to, const void *from, size_t length);

void *memset(void *to, int value, size_t length)
{
    for (char *byte = to; length > 0; length--)
        *byte++ = (char)value;
    return to;
}

void *memcpy(void *to, const void *from, size_t length)
{
    const char *source = from;

    for (char *byte = to; length > 0; length--)
        *byte++ = *source++;
    return to;
}

void die(const char *what, long error)
{
    char line[512];
    char *end = put(put(line, "floor: "), what);

    if (error != 0)
        end = put_number(put(end, ": errno "), (unsigned long)-error);
    *end++ = '\n';
    call(write, 2, line, end - line);
    call(exit_group, 1);
    __builtin_unreachable();
}

long must_not_fail(long result, const char *what)
{
    if (result < 0)
        die(what, result);
    return result;
}

char *put(char *end, const char *text)
{
    while (*text != '\0')
        *end++ = *text++;
    *end = '\0';
    return end;
}

char *put_number(char *end, unsigned long number)
{
    char digits[24];
    int count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
    } while ((number /= 10) > 0);
    while (count > 0)
        *end++ = digits[--count];
    *end = '\0';
    return end;
}

unsigned long number_in(const char *text)
{
    unsigned long number = 0;

    while (*text >= '0' && *text <= '9')
        number = number * 10 + (unsigned long)(*text++ - '0');
    return number;
}

size_t length_of(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0')
        length++;
    return length;
}

const char *option_value(const char *word, const char *name)
{
    while (*name != '\0') {
        if (*word++ != *name++)
            return NULL;
    }
    return word;
}

/* The stack holds argc, argv, NULL, environment: program_main(argc, argv) on an aligned one. */
__asm__(".globl _start\n"
        "_start:\n"
        "    xor %ebp, %ebp\n"
        "    mov (%rsp), %rdi\n"
        "    lea 8(%rsp), %rsi\n"
        "    and $-16, %rsp\n"
        "    call program_main\n"
        "    mov %eax, %edi\n"
        "    mov $231, %eax\n" /* exit_group */
        "    syscall\n");
