/* config-linux.md, "Seccomp". */

#include "spec/rows.h"

static const struct name actions[] = {
    {"SCMP_ACT_KILL",         SPEC_SECCOMP_KILL        },
    {"SCMP_ACT_KILL_PROCESS", SPEC_SECCOMP_KILL_PROCESS},
    {"SCMP_ACT_KILL_THREAD",  SPEC_SECCOMP_KILL_THREAD },
    {"SCMP_ACT_TRAP",         SPEC_SECCOMP_TRAP        },
    {"SCMP_ACT_ERRNO",        SPEC_SECCOMP_ERRNO       },
    {"SCMP_ACT_TRACE",        SPEC_SECCOMP_TRACE       },
    {"SCMP_ACT_ALLOW",        SPEC_SECCOMP_ALLOW       },
    {"SCMP_ACT_LOG",          SPEC_SECCOMP_LOG         },
    {"SCMP_ACT_NOTIFY",       SPEC_SECCOMP_NOTIFY      },
};
const struct names spec_seccomp_action_names = NAMES_OF(actions);

static const struct name architectures[] = {
    {"SCMP_ARCH_X86",         SPEC_ARCH_X86        },
    {"SCMP_ARCH_X86_64",      SPEC_ARCH_X86_64     },
    {"SCMP_ARCH_X32",         SPEC_ARCH_X32        },
    {"SCMP_ARCH_ARM",         SPEC_ARCH_ARM        },
    {"SCMP_ARCH_AARCH64",     SPEC_ARCH_AARCH64    },
    {"SCMP_ARCH_LOONGARCH64", SPEC_ARCH_LOONGARCH64},
    {"SCMP_ARCH_M68K",        SPEC_ARCH_M68K       },
    {"SCMP_ARCH_MIPS",        SPEC_ARCH_MIPS       },
    {"SCMP_ARCH_MIPS64",      SPEC_ARCH_MIPS64     },
    {"SCMP_ARCH_MIPS64N32",   SPEC_ARCH_MIPS64N32  },
    {"SCMP_ARCH_MIPSEL",      SPEC_ARCH_MIPSEL     },
    {"SCMP_ARCH_MIPSEL64",    SPEC_ARCH_MIPSEL64   },
    {"SCMP_ARCH_MIPSEL64N32", SPEC_ARCH_MIPSEL64N32},
    {"SCMP_ARCH_PPC",         SPEC_ARCH_PPC        },
    {"SCMP_ARCH_PPC64",       SPEC_ARCH_PPC64      },
    {"SCMP_ARCH_PPC64LE",     SPEC_ARCH_PPC64LE    },
    {"SCMP_ARCH_S390",        SPEC_ARCH_S390       },
    {"SCMP_ARCH_S390X",       SPEC_ARCH_S390X      },
    {"SCMP_ARCH_SH",          SPEC_ARCH_SH         },
    {"SCMP_ARCH_SHEB",        SPEC_ARCH_SHEB       },
    {"SCMP_ARCH_PARISC",      SPEC_ARCH_PARISC     },
    {"SCMP_ARCH_PARISC64",    SPEC_ARCH_PARISC64   },
    {"SCMP_ARCH_RISCV64",     SPEC_ARCH_RISCV64    },
};
const struct names spec_seccomp_architecture_names = NAMES_OF(architectures);

static const struct name operators[] = {
    {"SCMP_CMP_NE",        SPEC_SECCOMP_NE       },
    {"SCMP_CMP_LT",        SPEC_SECCOMP_LT       },
    {"SCMP_CMP_LE",        SPEC_SECCOMP_LE       },
    {"SCMP_CMP_EQ",        SPEC_SECCOMP_EQ       },
    {"SCMP_CMP_GE",        SPEC_SECCOMP_GE       },
    {"SCMP_CMP_GT",        SPEC_SECCOMP_GT       },
    {"SCMP_CMP_MASKED_EQ", SPEC_SECCOMP_MASKED_EQ},
};
const struct names spec_seccomp_operator_names = NAMES_OF(operators);

static const struct name flags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC",              SPEC_SECCOMP_FLAG_TSYNC             },
    {"SECCOMP_FILTER_FLAG_LOG",                SPEC_SECCOMP_FLAG_LOG               },
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW",         SPEC_SECCOMP_FLAG_SPEC_ALLOW        },
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SPEC_SECCOMP_FLAG_WAIT_KILLABLE_RECV},
};
const struct names spec_seccomp_flag_names = NAMES_OF(flags);

#define OWNER struct spec_seccomp_arg
static const struct field arg_rows[] = {
    /* A system call has six arguments. */
    ROW("index", FIELD_UINT32, index, REQUIRED, RANGE(0, 5)),
    ROW("value", FIELD_UINT64, value, REQUIRED),
    ROW("valueTwo", FIELD_UINT64, value_two),
    ROW("op", FIELD_ENUM, op, REQUIRED, NAMED(spec_seccomp_operator_names)),
};
#undef OWNER
static const struct fields arg_fields = FIELDS_OF(struct spec_seccomp_arg, arg_rows);

/* The data of SECCOMP_RET_* has 16 bits; validate.c knows what each action does with them. */
#define OWNER struct spec_seccomp_syscall
static const struct field syscall_rows[] = {
    ROW("names", FIELD_STRINGS, names, REQUIRED),
    ROW("action", FIELD_ENUM, action, REQUIRED, NAMED(spec_seccomp_action_names)),
    ROW("errnoRet", FIELD_OPTIONAL_UINT64, errno_ret, RANGE(0, UINT16_MAX)),
    ROW("args", FIELD_LIST, args, OBJECT(arg_fields)),
};
#undef OWNER
static const struct fields syscall_fields = FIELDS_OF(struct spec_seccomp_syscall, syscall_rows);

#define OWNER struct spec_seccomp
static const struct field seccomp_rows[] = {
    ROW("defaultAction", FIELD_ENUM, default_action, REQUIRED, NAMED(spec_seccomp_action_names)),
    ROW("defaultErrnoRet", FIELD_OPTIONAL_UINT64, default_errno_ret, RANGE(0, UINT16_MAX)),
    ROW("architectures", FIELD_ENUMS, architectures, NAMED(spec_seccomp_architecture_names)),
    ROW("flags", FIELD_ENUMS, flags, NAMED(spec_seccomp_flag_names)),
    ROW("listenerPath", FIELD_STRING, listener_path, EMPTY_IS_UNSET),
    ROW("listenerMetadata", FIELD_STRING, listener_metadata, EMPTY_IS_UNSET),
    ROW("syscalls", FIELD_LIST, syscalls, OBJECT(syscall_fields)),
};
#undef OWNER
const struct fields spec_seccomp_fields = FIELDS_OF(struct spec_seccomp, seccomp_rows);
