/*
 * Where the static program begins, before there is a C library.  A command that is run from a
 * sealed copy (runtime/sealed_exe.c says why and how) needs nothing of the first start but to get
 * there: here neither relocations nor the library's own beginnings have been paid for, nor is a
 * page of data touched.  Whatever goes wrong is left to the ordinary way, which knows the other
 * ways and has the words.
 *
 * No global data, no library, no stack protector: none of it is there yet.
 */

#include <elf.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#ifndef __x86_64__
#error "the Makefile takes this file for x86_64 alone"
#endif

enum { FILE_SYSTEM_READ_ONLY = 1 }; /* ST_RDONLY of statfs(2) */

/* The kernel's, whose layout statfs(2) fills. */
struct file_system {
    long type, block_size, counts[5];
    int id[2];
    long name_length, fragment_size, flags, spare[4];
};

static inline long call(long number, long a, long b, long c, long d, long e)
{
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                     : "rcx", "r11", "memory");
    return result;
}

static inline bool is_word(const char *text, const char *word)
{
    while (*word != '\0' && *text == *word) {
        text++;
        word++;
    }
    return *text == *word;
}

/* One too many does no harm: what is sealed without need works all the same. */
static inline bool wants_seal(char *const argv[])
{
    for (size_t i = 1; argv[i] != NULL; i++) {
        const char *word = argv[i];

        if (is_word(word, "run") || is_word(word, "create") || is_word(word, "exec") ||
            is_word(word, "restore"))
            return true;
    }
    return false;
}

/* With rights its caller lacks the program refuses to do anything. */
static inline bool has_borrowed_rights(char *const environment[])
{
    const Elf64_auxv_t *entry;

    while (*environment != NULL)
        environment++;
    for (entry = (const void *)(environment + 1); entry->a_type != AT_NULL; entry++) {
        if (entry->a_type == AT_SECURE)
            return entry->a_un.a_val != 0;
    }
    return true;
}

/* A memfd does not come this far: it is in no tree of mounts that could be cloned. */
static inline bool is_read_only(long fd)
{
    struct file_system file_system;

    return call(SYS_fstatfs, fd, (long)&file_system, 0, 0, 0) < 0 ||
           (file_system.flags & FILE_SYSTEM_READ_ONLY) != 0;
}

static inline void seal_at_once(const long *stack)
{
    const long count = stack[0];
    char *const *argv = (char *const *)(stack + 1);
    char *const *environment = argv + count + 1;
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    const char path[] = "/proc/self/exe";
    long fd;

    if (count < 2 || !wants_seal(argv) || has_borrowed_rights(environment))
        return;
    fd = call(SYS_open_tree, AT_FDCWD, (long)path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
    if (fd < 0)
        return;
    if (!is_read_only(fd) && call(SYS_mount_setattr, fd, (long)"", AT_EMPTY_PATH, (long)&read_only,
                                  sizeof read_only) == 0)
        call(SYS_execveat, fd, (long)"", (long)argv, (long)environment, AT_EMPTY_PATH);
    call(SYS_close, fd, 0, 0, 0, 0);
}

/* Called by the few instructions below with what the kernel has put on the stack: argc, the
 * arguments, NULL, the environment, NULL, the auxiliary vector. */
__attribute__((used, visibility("hidden"))) void begin(const long *stack);

void begin(const long *stack)
{
    seal_at_once(stack);
}

__asm__(".pushsection .text.entry,\"ax\",@progbits\n"
        ".global entry\n"
        ".hidden entry\n"
        ".type entry, @function\n"
        "entry:\n"
        "    xor %ebp, %ebp\n"
        "    mov %rsp, %rdi\n"
        "    push %rdx\n" /* for the C library; twice, so that the stack stays aligned */
        "    push %rdx\n"
        "    call begin\n"
        "    pop %rdx\n"
        "    pop %rdx\n"
        "    jmp _start\n"
        ".size entry, . - entry\n"
        ".popsection\n");
