#!/usr/bin/python3
"""Write docs/compatibility.md from the rows that runs of the matrix have printed.

usage: report.py CRUN-LITE DOCS TSV...     (make compatibility)

The whole matrix takes hours: DOCS/compatibility.tsv keeps the last result of every row, and the TSVs, which run.sh
keeps, are what is new: `engine row runtime pass|fail|skip detail commit day`, between tabs.  An engine of a new
version, or a row that is no longer there, is taken out by hand.  Commands and flags come from CRUN-LITE itself,
and the tests that use them from the integration tests' sources.
"""
import collections, contextlib, glob, os, re, subprocess, sys

TESTS = os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'integration')
RUNTIMES = ('crun-lite', 'runc', 'crun')
# What the issue of engines names and no package of Debian 12 or 13, or no guest of ours, can show.
UNTRIED = (
    ('containerd 2.x', 'not in Debian 12 or 13'),
    ('CRI-O', 'not in Debian'),
    ('a kubelet', 'not in Debian; cri.py speaks its protocol'),
    ('AppArmor, user-namespaced pods and CRIU with containerd 1.6', 'run on a host without AppArmor and CRIU; '
     'containerd 1.6 does not know pods\' user namespaces; containerd 1.7 has these rows'),
    ('SELinux labels', 'the kernel of the guest boots with AppArmor; a label is asserted in the integration tests'),
    ('BuildKit', 'the guest\'s Docker is without buildx: `docker build` is the classic builder'),
)
# What runc has (1.4 and 1.5), by command: https://github.com/opencontainers/runc/tree/main/man
RUNC = {
    '': 'debug log log-format root systemd-cgroup rootless criu',
    'checkpoint': 'image-path work-path parent-path leave-running tcp-established tcp-skip-in-flight link-remap '
                  'ext-unix-sk shell-job lazy-pages status-fd page-server file-locks pre-dump '
                  'manage-cgroups-mode empty-ns auto-dedup',
    'create': 'bundle console-socket pidfd-socket pid-file no-pivot no-new-keyring preserve-fds',
    'delete': 'force',
    'events': 'interval stats',
    'exec': 'console-socket pidfd-socket cwd env tty user additional-gids process detach pid-file process-label '
            'apparmor no-new-privs cap preserve-fds cgroup ignore-paused',
    'features': '', 'kill': 'all', 'list': 'format quiet', 'pause': '', 'ps': 'format',
    'restore': 'console-socket image-path work-path tcp-established ext-unix-sk shell-job file-locks '
               'manage-cgroups-mode bundle detach pid-file no-subreaper no-pivot empty-ns auto-dedup lazy-pages '
               'lsm-profile lsm-mount-context',
    'resume': '',
    'run': 'bundle console-socket pidfd-socket pid-file no-pivot no-new-keyring preserve-fds detach keep '
           'no-subreaper',
    'spec': 'bundle rootless', 'start': '', 'state': '',
    'update': 'resources blkio-weight cpu-period cpu-quota cpu-burst cpu-share cpu-rt-period cpu-rt-runtime '
              'cpuset-cpus cpuset-mems cpu-idle memory memory-reservation memory-swap kernel-memory '
              'kernel-memory-tcp pids-limit l3-cache-schema mem-bw-schema',
}

SHORT = {'additional-gids': 'g', 'all': 'a', 'bundle': 'b', 'cap': 'c', 'detach': 'd', 'env': 'e', 'force': 'f', 'format': 'f',
         'process': 'p', 'quiet': 'q', 'resources': 'r', 'tty': 't', 'user': 'u'}


def read_rows(files):
    """{engine: {row: {runtime: (result, detail, commit, day)}}}, in the order they came; the last of a row counts."""
    engines = {}
    for file in files:
        for line in open(file) if os.path.exists(file) else ():
            engine, row, runtime, result, detail, commit, day = line.rstrip('\n').split('\t')
            engines.setdefault(engine, {}).setdefault(row, {})[runtime] = \
                (result, re.sub(r'[|`<>]', ' ', detail).strip()[:160], commit[:12], day)
    return engines


def write_rows(engines, file):
    for engine, rows in engines.items():
        for row, results in rows.items():
            for runtime, result in results.items():
                print(engine, row, runtime, *result, sep='\t', file=file)


def print_engines(engines):
    for engine, rows in engines.items():
        days = sorted({(day, commit) for results in rows.values() for _, _, commit, day in results.values()})
        print(f'\n### {engine}\n\nRun on', ', '.join(f'{day} ({commit})' for day, commit in days) + '.',
              '\n\n| row | crun-lite | runc | crun |\n|---|---|---|---|')
        for row, results in rows.items():
            print('|', row, '|', ' | '.join(results.get(name, ('·',))[0] for name in RUNTIMES), '|')


def print_reasons(engines):
    """Each row that did not pass with crun-lite, with what there was to say about it."""
    print('\n| engine | row | crun-lite | controls |\n|---|---|---|---|')
    for engine, rows in engines.items():
        for row, results in rows.items():
            ours, *controls = (results.get(name, ('·', ''))[:2] for name in RUNTIMES)
            if ours[0] != 'pass':
                told = ', '.join(f'{name} {result}: {detail}' if detail else f'{name} {result}'
                                 for name, (result, detail) in zip(RUNTIMES[1:], controls) if result != '·')
                print('|', engine, '|', row, '|', f'{ours[0]}: {ours[1]}', '|', told, '|')


def print_untried():
    print('\n| what | why |\n|---|---|')
    for what, why in UNTRIED:
        print('|', what, '|', why, '|')


class Definitions:
    """The definitions of one file, and which uses which."""

    def __init__(self, texts):
        self.texts = texts
        self.uses = {name: self.used(text) - {name} for name, text in texts.items()}

    def used(self, text):
        return {name for name in re.findall(r'\w+', text) if name in self.texts}

    def reaching(self, holds):
        """The names of the definitions for which it holds, and of all that use them, however indirectly."""
        found = {name for name, text in self.texts.items() if holds(text)}
        while more := {name for name, uses in self.uses.items() if name not in found and not found.isdisjoint(uses)}:
            found |= more
        return found


class Sources:
    """The integration tests as text: which of them gives a flag to a command.

    Of each file the definitions at the left margin are taken: functions, macros, tables and Scenario(SUITE, NAME).
    A statement gives a flag to a command when it holds the flag and either names the command itself or uses
    a definition that does.  So does a definition with a table of flags that names the command anywhere.
    """
    BEGIN = re.compile(r'^(?:Scenario\((\w+), *(\w+)|#define (\w+)|(?=[^\s#/}]).*?(\w+)(\(|\[\w*\] = \{))')

    def __init__(self, folder):
        self.tables = set()
        harness = self.definitions(*glob.glob(folder + '/harness/*.[ch]'))
        self.files = [Definitions({**harness, **self.definitions(path)})
                      for path in sorted(glob.glob(folder + '/*.c'))]

    def definitions(self, *paths):
        found = collections.defaultdict(str)
        for path in paths:
            name = None
            for line in re.sub(r'/\*.*?\*/', '', open(path).read(), flags=re.S).split('\n'):
                begin = self.BEGIN.match(line)
                if begin:
                    name = f'{begin[1]}::{begin[2]}' if begin[1] else begin[3] or begin[4]
                    if begin[5] and begin[5] != '(':
                        self.tables.add(name)
                if name:
                    found[name] += line + '\n'
        return found

    def gives(self, file, text, spelt, naming):
        def names(text):
            return naming is None or not naming.isdisjoint(file.used(text)) or self.command in text

        return any(spelt.search(statement) and names(statement) for statement in text.split(';')) or \
            any(spelt.search(file.texts[table]) for table in file.used(text) & self.tables) and names(text)

    def tests(self, command, flag):
        self.command = f'"{command}"'
        short = f'|-{SHORT[flag]}' if flag in SHORT else ''
        spelt = re.compile(rf'"(?:--?{flag}{short})["= ]') if flag else re.compile(self.command)
        for file in self.files:
            naming = file.reaching(lambda text: self.command in text) if command else None
            giving = file.reaching(lambda text: spelt.search(text) and self.gives(file, text, spelt, naming) or
                                   self.tables & file.used(text) and self.gives(file, text, spelt, naming))
            yield from (name for name in file.texts if '::' in name and name in giving)

    def tests_with(self, command, flag):
        found = list(self.tests(command, flag))
        more = f' and {len(found) - 2} more' if len(found) > 2 else ''
        return ', '.join(name.replace('::', ' ') for name in found[:2]) + more or '**none**'


def accepts(program, command, flag):
    """Is the flag known?  Hidden ones are not in --help, but whoever asks for help behind one gets it."""
    for attempt in ([f'--{flag}=1', '--help'], [f'--{flag}=1s', '--help'],
                    [f'--{flag}=true', '--help']):
        if subprocess.run([program, *command.split(), *attempt], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0:
            return True
    return False


def accepted(program, command, flag):
    if flag:
        return 'yes' if accepts(program, command, flag) else '**no**'
    known = subprocess.run([program, *command.split(), '--help'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return '**no**' if known.returncode else 'yes'


def print_commands(program):
    sources = Sources(TESTS)
    print('\n| command | flag of runc | accepted | tests in tests/integration |\n|---|---|---|---|')
    for command, flags in sorted(RUNC.items()):
        for flag in ([''] if command else []) + flags.split():
            print(f'| {command} | {"--" + flag if flag else ""} | {accepted(program, command, flag)} '
                  f'| {sources.tests_with(command, flag)} |')


def main():
    program, docs, *files = sys.argv[1:]
    kept = f'{docs}/compatibility.tsv'
    engines = read_rows([kept, *files])
    with open(kept, 'w') as file:
        write_rows(engines, file)
    with open(f'{docs}/compatibility.md', 'w') as file, contextlib.redirect_stdout(file):
        print('# What has been tried\n\nWritten by `make compatibility`: do not edit.')
        print('\n## Engines\n\nA row is one thing an engine does, with its effect read back. runc and crun are the '
              'controls; `·` is a row that\nwas not run with that runtime: crun refuses hosts with cgroup v1, as those of containerd 1.6, Docker 20.10 and\nPodman 4.3 were. In brackets: the commit.')
        print_engines(engines)
        print('\n## Rows that did not pass\n\nskip: the row could not be tried here, for the reason given.')
        print_reasons(engines)
        print('\n## Not tried')
        print_untried()
        print('\n## Commands and flags of runc')
        print_commands(program)


main()
