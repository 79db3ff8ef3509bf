#include "runtime/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/inroot.h"
#include "base/own.h"

/* 0: can be executed; else the errno that says why not. */
static int check_executable(const char *file)
{
    struct stat status;

    if (stat(file, &status) < 0)
        return errno;
    if (S_ISDIR(status.st_mode))
        return EISDIR;
    if (faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) < 0)
        return errno == EROFS ? EACCES : errno;
    /* root may "execute" anything with one x bit; a device or socket is not a program. */
    return S_ISREG(status.st_mode) ? 0 : EACCES;
}

static int find_named(const char *name, char *ret, size_t size, struct error *err)
{
    char quoted[1040];
    int code = check_executable(name);

    quotable(quoted, name);
    switch (code) {
    case 0:
        if (snprintf(ret, size, "%s", name) < (int)size)
            return 0;
        return refuse(err, ENAMETOOLONG, "exec: \"%s\": file name too long", quoted);
    case ENOENT:
        return refuse(err, code, "exec: \"%s\": stat %s: no such file or directory", quoted,
                      quoted);
    case ENOTDIR:
        return refuse(err, code, "exec: \"%s\": stat %s: not a directory", quoted, quoted);
    case EISDIR:
        return refuse(err, code, "exec: \"%s\": is a directory", quoted);
    case EACCES:
        return refuse(err, code, "exec: \"%s\": permission denied", quoted);
    default:
        return fail(err, code, "exec: \"%s\"", quoted);
    }
}

int program_find(const char *name, const char *path, char *ret, size_t size, struct error *err)
{
    char quoted[1040];
    bool denied = false;

    if (strchr(name, '/') != NULL)
        return find_named(name, ret, size, err);
    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");

        /* An empty element means the working directory; Go refuses such finds, and so do we. */
        if (length > 0 && snprintf(ret, size, "%.*s/%s", (int)length, path, name) < (int)size) {
            int code = check_executable(ret);

            if (code == 0 && *ret == '/')
                return 0;
            denied |= code == EACCES;
        }
        path += length;
        path += *path == ':';
    }
    if (denied)
        return refuse(err, EACCES, "exec: \"%s\": permission denied", quotable(quoted, name));
    return refuse(err, ENOENT, "exec: \"%s\": executable file not found in $PATH",
                  quotable(quoted, name));
}

void program_find_own(struct kernel_place *ret)
{
    *ret = (struct kernel_place){0};
    (void)kernel_place_of_path("/proc/self/exe", ret);
}

int program_check_foreign(const char *program, const struct kernel_place *own, struct error *err)
{
    struct kernel_place found;
    char quoted[1040];

    if (own->inode == 0 || kernel_place_of_path(program, &found) < 0 || found.inode != own->inode ||
        found.device != own->device || found.mount_id != own->mount_id)
        return 0;
    return refuse(err, EACCES, "exec: \"%s\": permission denied (it leads to the runtime itself)",
                  quotable(quoted, program));
}

static int explain_script(int root, char *line, struct error *err)
{
    struct error missing;
    char quoted[1040];
    char *interpreter = line + strspn(line, " \t");

    interpreter[strcspn(interpreter, " \t\r\n")] = '\0';
    autoclose int fd = inroot_open(root, interpreter, INROOT_FOLLOW, &missing);
    if (fd < 0)
        return hint(err, "its interpreter \"%s\" does not exist in the container",
                    quotable(quoted, interpreter));
    return -err->code;
}

static int explain_elf(int root, int fd, const Elf64_Ehdr *header, struct error *err)
{
    struct error missing;
    char quoted[1040];
    char interpreter[256] = "";
    Elf64_Phdr part;

    for (unsigned i = 0; i < header->e_phnum && i < 64; i++) {
        off_t at = (off_t)(header->e_phoff + i * sizeof part); /* negative: pread refuses */

        if (pread(fd, &part, sizeof part, at) != sizeof part || part.p_type != PT_INTERP)
            continue;
        if (part.p_filesz < sizeof interpreter &&
            pread(fd, interpreter, part.p_filesz, (off_t)part.p_offset) == (ssize_t)part.p_filesz)
            break;
    }
    if (*interpreter == '\0')
        return -err->code;
    autoclose int found = inroot_open(root, interpreter, INROOT_FOLLOW, &missing);
    if (found < 0)
        return hint(err, "its interpreter \"%s\" does not exist in the container",
                    quotable(quoted, interpreter));
    return -err->code;
}

int program_explain(int root, const char *program, int code, struct error *err)
{
    struct error ignored;
    union {
        char bytes[256];
        Elf64_Ehdr elf;
    } start = {{0}};
    autoclose int fd = inroot_open_file(root, program, &ignored);

    if (fd < 0 || pread(fd, start.bytes, sizeof start.bytes - 1, 0) < 4)
        return code == ENOEXEC ? hint(err, "the file is empty, or not a program") : -err->code;
    if (start.bytes[0] == '#' && start.bytes[1] == '!')
        return code == ENOENT ? explain_script(root, start.bytes + 2, err) : -err->code;
    if (memcmp(start.bytes, ELFMAG, SELFMAG) != 0)
        return code == ENOEXEC ? hint(err, "neither a program nor a script that begins with #!")
                               : -err->code;
    if (code == ENOEXEC)
        return hint(err, "a program for another kind of machine");
    return code == ENOENT ? explain_elf(root, fd, &start.elf, err) : -err->code;
}
