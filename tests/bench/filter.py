"""A seccomp profile as the smallest filter that is fast to load: what the floor loads where runtimes compile the profile.

compile_profile(profile) gives the bytes of an array of struct sock_filter.  System calls are sorted into ranges that have one
answer, and the filter is a binary search; libseccomp is asked for numbers only.  x86_64 with its two other ABIs, and only what
the profiles of Docker, containerd and Podman use: one condition a rule.  The bench's equivalence check tries every call.
"""
import ctypes, ctypes.util, struct

LD_WORD, AND, JUMP, JUMP_EQUAL, JUMP_GREATER_EQUAL, RETURN = 0x20, 0x54, 0x05, 0x15, 0x35, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
KILL_PROCESS, ALLOW, ERRNO = 0x80000000, 0x7fff0000, 0x00050000
X32 = 0x40000000
# What the kernel says the architecture is, and the ABIs that libseccomp has for it: x32 is x86_64 with a high bit in the number.
ARCHITECTURES = {0xc000003e: {'SCMP_ARCH_X86_64': 0xc000003e, 'SCMP_ARCH_X32': 0x4000003e},
                 0x40000003: {'SCMP_ARCH_X86': 0x40000003}}


def statement(code, value):
    return [(code, 0, 0, value)]


def answer(action, errno=None):
    """The value that a filter returns."""
    if action == 'SCMP_ACT_ALLOW':
        return ALLOW
    if action == 'SCMP_ACT_ERRNO':
        return ERRNO | (1 if errno is None else errno)
    raise ValueError(f'the floor knows no {action}')


def branch(code, value, then, otherwise):
    """`then` stands behind `otherwise`; a conditional jump goes 255 instructions far, the other any distance."""
    far = len(otherwise)
    if far <= 255:
        return [(code, far, 0, value), *otherwise, *then]
    return [(code, 0, 1, value), (JUMP, 0, 0, far), *otherwise, *then]


def condition(argument, then, otherwise):
    """Instructions that go to `then` when a 64-bit argument fits, else to `otherwise`: both end with a return."""
    place, value, op = ARGUMENTS + 8 * argument['index'], argument['value'], argument['op']
    mask, wanted = (value, argument.get('valueTwo', 0)) if op == 'SCMP_CMP_MASKED_EQ' else ((1 << 64) - 1, value)
    if op == 'SCMP_CMP_NE':
        then, otherwise = otherwise, then
    elif op not in ('SCMP_CMP_EQ', 'SCMP_CMP_MASKED_EQ'):
        raise ValueError(f'the floor knows no {op}')

    def load(shift):
        masked = [] if mask >> shift & 0xffffffff == 0xffffffff else statement(AND, mask >> shift & 0xffffffff)
        return [*statement(LD_WORD, place + shift // 8), *masked]

    low = load(0)
    return [*load(32), (JUMP_EQUAL, 0, len(low) + 1 + len(then), wanted >> 32),
            *low, (JUMP_EQUAL, 0, len(then), wanted & 0xffffffff), *then, *otherwise]


def code_of(rules, default):
    """What follows when the number is known: the first rule whose condition holds; all their conditions fail: the default."""
    code = statement(RETURN, default)
    for action, arguments in reversed(rules):
        then = statement(RETURN, action)
        code = condition(arguments[0], then, code) if arguments else then
    return tuple(code)


def search(ranges):
    """Binary search: `ranges` are (first number, code), each up to the next one."""
    if len(ranges) == 1:
        return list(ranges[0][1])
    middle = len(ranges) // 2
    return branch(JUMP_GREATER_EQUAL, ranges[middle][0], search(ranges[middle:]), search(ranges[:middle]))


def rules_by_number(profile, abis):
    library = ctypes.CDLL(ctypes.util.find_library('seccomp'))
    library.seccomp_syscall_resolve_name_arch.argtypes = ctypes.c_uint32, ctypes.c_char_p
    numbers = {}
    for rule in profile['syscalls']:
        arguments = rule.get('args') or []
        assert len(arguments) < 2, rule
        action = answer(rule['action'], rule.get('errnoRet'))
        for name in rule['names']:
            for abi in abis:
                number = library.seccomp_syscall_resolve_name_arch(abi, name.encode())
                if number >= 0:
                    numbers.setdefault(number, []).append((action, arguments))
    return numbers


def ranges_of(numbers, default):
    """Neighbours with the same code are one range.  What is between them is the default; what is newer than the profile - behind
    the last number of an ABI - is answered ENOSYS, as by runc."""
    points = {0: code_of([], default), X32: code_of([], default)}
    for number in sorted(numbers):
        points[number] = code_of(numbers[number], default)
        points.setdefault(number + 1, code_of([], default))
    for last in {max(group) for group in ([n for n in numbers if n < X32], [n for n in numbers if n >= X32]) if group}:
        points[last + 1] = code_of([], ERRNO | 38)
    merged = []
    for first, code in sorted(points.items()):
        if not merged or merged[-1][1] != code:
            merged.append((first, code))
    return merged


def compile_profile(profile):
    default = answer(profile['defaultAction'], profile.get('defaultErrnoRet'))
    code = statement(RETURN, KILL_PROCESS)
    for architecture, abis in ARCHITECTURES.items():
        used = [abi for name, abi in abis.items() if name in profile['architectures']]
        if used:
            numbers = rules_by_number(profile, used)
            code = branch(JUMP_EQUAL, architecture, [*statement(LD_WORD, NUMBER), *search(ranges_of(numbers, default))], code)
    code = statement(LD_WORD, ARCHITECTURE) + code
    return b''.join(struct.pack('HBBI', *instruction) for instruction in code)
