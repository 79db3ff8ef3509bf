#include "runtime/lend.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/kernel.h"

enum { STACK_SIZE = 2 * 1024 * 1024 }; /* as much of it as is touched */

/* On the stack of the caller, who waits until it is no longer used. */
struct lending {
    struct clone_args args;
    void (*begin)(void *context);
    void *context;
    pid_t pid;
    int code; /* errno of a clone3 that failed; 0 */
    atomic_uint is_over;
};

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#endif

#if defined(__x86_64__) && !defined(IS_SANITIZED)

bool lend_is_possible(void)
{
    return true;
}

/* The child leaves this frame alone, in which the thread will go on: it calls from below it, behind
 * the red zone, and never comes back. */
static long clone_and_call(struct clone_args *args, void (*begin)(void *), void *context)
{
    long result;

    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "mov %[context], %%rdi\n\t"
                     "mov %[begin], %%rax\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "sub $128, %%rsp\n\t"
                     "and $-16, %%rsp\n\t"
                     "call *%%rax\n\t"
                     "ud2\n"
                     "1:"
                     : "=a"(result)
                     : "a"((long)SYS_clone3), "D"(args),
                       "S"(sizeof *args), [begin] "r"(begin), [context] "r"(context)
                     : "rcx", "r11", "cc", "memory");
    return result;
}

#else

bool lend_is_possible(void)
{
    return false;
}

static long clone_and_call(struct clone_args *args, void (*begin)(void *), void *context)
{
    (void)args;
    (void)begin;
    (void)context;
    return -ENOSYS;
}

#endif

static void end_wait(struct lending *lending)
{
    atomic_store(&lending->is_over, 1);
    syscall(SYS_futex, &lending->is_over, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

/* In the child.  From the wake on, *lending is no more. */
static void begin_child(void *context)
{
    struct lending *lending = context;
    void (*begin)(void *) = lending->begin;
    void *its_context = lending->context;

    end_wait(lending);
    begin(its_context);
    _exit(1);
}

static void *lend(void *context)
{
    struct lending *lending = context;
    long result = clone_and_call(&lending->args, begin_child, lending);

    if (result < 0) {
        lending->code = (int)-result;
        end_wait(lending);
    }
    return NULL;
}

static int start_thread(struct lending *lending)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int code = pthread_attr_init(&attributes);

    if (code != 0)
        return code;
    code = pthread_attr_setstacksize(&attributes, STACK_SIZE);
    if (code == 0)
        code = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (code == 0)
        code = pthread_create(&thread, &attributes, lend, lending);
    pthread_attr_destroy(&attributes);
    return code;
}

pid_t lend_clone(struct clone_args *args, void (*begin)(void *context), void *context)
{
    struct lending lending = {.args = *args, .begin = begin, .context = context};
    int code;

    lending.args.flags |= CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID;
    lending.args.parent_tid = (uint64_t)&lending.pid;
    code = start_thread(&lending);
    while (code == 0 && atomic_load(&lending.is_over) == 0)
        syscall(SYS_futex, &lending.is_over, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0);
    errno = code != 0 ? code : lending.code;
    return errno != 0 ? -1 : lending.pid;
}
