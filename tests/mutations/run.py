#!/usr/bin/env python3
"""Prove that the tests guard the code: take one rule away, and a named test must fail.

usage: run.py [--check] BUILD

The rows are in the *.rows files beside this script; seccomp.rows begins with how they are written.
For each row, the named test must pass as the code is; then the rule is taken away, the program (for
a unit test: the test) is built of that, and the test must fail.  The tree is never edited: the text
without the rule is compiled and linked elsewhere, with what is in BUILD.

MUTATIONS_FILTER=REGEX chooses rows by their name, their place (security.rows:7), test or source.
MUTATIONS_WHERE="native bare systemd" chooses where: this machine, and the guests of tests/vm under
either init.  BUILD/mutations/log has all that the tests said.

One line a row; the last is `N passed, N failed, N skipped`.  --check only looks whether each row
still fits the sources and names a test that is there.
"""
import concurrent.futures, contextlib, fnmatch, os, re, shlex, shutil, signal, subprocess, sys
import tempfile, time

HERE = os.path.dirname(os.path.realpath(__file__))
TREE = os.path.realpath(HERE + '/../..')
GUESTS = ('bare', 'systemd')
NATIVE_SECONDS, GUEST_SECONDS = 300, 900
# What a hang may cost natively, in seconds and in times of what the test takes otherwise.
HANG_SECONDS, HANG_TIMES = 60, 10


class Broken(Exception):
    """The row is at fault, not a test."""


class Absent(Exception):
    """The program is made without the source of the row: static or shared."""


class Row:
    def __init__(self, name, place):
        self.name = name
        self.place = place          # FILE:LINE of the row itself
        self.edits = []             # (file, old, new)
        self.program = self.filter = None
        self.where = 'native'
        self.said = ''              # how the row ended

    def is_unit(self):
        return self.program.startswith('unit/')

    def suite(self):
        return self.program.split('/')[1]

    def files(self):
        return list(dict.fromkeys(file for file, _, _ in self.edits))


def read_rows(path):
    rows, edit, mode = [], None, None
    for number, line in enumerate(open(path), 1):
        line = line.rstrip('\n')
        place = f'{os.path.basename(path)}:{number}'
        if not line or line.startswith('#'):
            mode = None
        elif match := re.fullmatch(r'\[(.*)\]', line):
            rows.append(Row(match[1], place))
        elif not rows:
            sys.exit(f'{place}: a row begins with its [name]')
        elif line.startswith('in '):
            mode = None
            edit = [line[3:].strip(), [], []]
            rows[-1].edits.append(edit)
        elif line[0] in '-+' and rows[-1].edits:
            if line[0] == '-' and mode == '+':
                edit = [edit[0], [], []]        # another change in the same file
                rows[-1].edits.append(edit)
            mode = line[0]
            edit['-+'.index(line[0]) + 1].append(line[2:])
        elif match := re.fullmatch(r'fails (\S+) (\S+)', line):
            rows[-1].program, rows[-1].filter = match.groups()
        elif match := re.fullmatch(r'at (native|bare|systemd)', line):
            rows[-1].where = match[1]
        else:
            sys.exit(f'{place}: not understood: {line}')
    for row in rows:
        row.edits = [(file, '\n'.join(old), '\n'.join(new)) for file, old, new in row.edits]
        if not row.edits or not row.program or not all(old for _, old, _ in row.edits):
            sys.exit(f'{row.place}: [{row.name}] lacks "in FILE", "- TEXT" or "fails PROGRAM FILTER"')
        if row.is_unit() and row.where != 'native':
            sys.exit(f'{row.place}: [{row.name}]: unit tests run natively')
    return rows


def chosen_rows():
    rows = [row for name in sorted(os.listdir(HERE)) if name.endswith('.rows')
            for row in read_rows(f'{HERE}/{name}')]
    names = [row.name for row in rows]
    for name in set(names):
        if names.count(name) > 1:
            sys.exit(f'two rows are named [{name}]')
    pattern = re.compile(os.environ.get('MUTATIONS_FILTER', ''))
    places = os.environ.get('MUTATIONS_WHERE', 'native bare systemd').split()
    return [row for row in rows if row.where in places and
            any(pattern.search(text) for text in [row.name, row.place, row.program] + row.files())]


# --- does the row still fit? ---------------------------------------------------------------------

def mutated(row, file, text):
    """The text of a file without the rule."""
    for _, old, new in (edit for edit in row.edits if edit[0] == file):
        if text.count(old) != 1:
            raise Broken(f'the code has changed: adapt the row: {file} has its text '
                         f'{text.count(old)} times ({row.place})')
        text = text.replace(old, new)
    return text


def check_row(row):
    for file in row.files():
        if not os.path.exists(f'{TREE}/{file}'):
            raise Broken(f'the code has changed: adapt the row: there is no {file} ({row.place})')
        mutated(row, file, open(f'{TREE}/{file}').read())
    source = f'{TREE}/tests/{row.program}.c'
    if not os.path.exists(source):
        raise Broken(f'there is no tests/{row.program}.c ({row.place})')
    tests = re.findall(r'^(?:Test|Scenario)\((\w+),\s*(\w+)', open(source).read(), re.M)
    if not any(fnmatch.fnmatchcase('/'.join(test), row.filter) for test in tests):
        raise Broken(f'tests/{row.program}.c has no test {row.filter} ({row.place})')


# --- building without the rule --------------------------------------------------------------------

class Builder:
    """Compiles a changed text of a source file and links it in front of the library's own: the tree
    and what is built of it stay as they are."""

    def __init__(self, build, rows, log):
        self.build, self.log = os.path.relpath(build, TREE), log
        programs = ['crun-lite'] + [self.test_of(row) for row in rows]
        self.make(*programs)
        sources = [f'--what-if={file}' for row in rows for file in row.files()]
        self.compiling, self.linking = {}, {}
        made = self.make('-n', 'V=1', *dict.fromkeys(sources), *dict.fromkeys(programs))
        for line in made.replace('\\\n', ' ').splitlines():
            words = shlex.split(line) if ' -o ' in line else []
            if '-c' in words:       # for the static program, and for the tests
                self.compiling.setdefault(words[words.index('-c') + 1], []).append(words)
            elif words and words[-2] == '-o':
                self.linking[words[-1]] = words
            elif words:             # strip -o PROGRAM LINKED
                self.linking[words[words.index('-o') + 1]] = self.linking[words[-1]]

    def test_of(self, row):
        return f'{self.build}/tests/{row.program}'

    def make(self, *arguments):
        return self.run(['make', '-C', TREE, '--no-print-directory', f'-j{os.cpu_count()}',
                         f'BUILD={self.build}', 'PROGRAM=crun-lite', *arguments])

    def run(self, command, text=None):
        result = subprocess.run(command, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                input=text, text=True, env={**os.environ, 'MAKEFLAGS': '', 'MFLAGS': ''})
        if result.returncode != 0:
            self.log.write(result.stdout)
            errors = [line for line in result.stdout.splitlines() if 'error' in line.lower()]
            raise Broken(f'does not build: {(errors or ["?"])[0]}')
        return result.stdout

    def compilation(self, file, linking):
        """How what is linked is compiled: by its object, or else as for the library; None: it is
        not there."""
        ways = self.compiling.get(file, [])
        linked = [words for words in ways if words[-1] in linking]
        shared = [words for words in ways if f'{self.build}/static/' not in words[-1]]
        return next(iter(linked + shared), None)

    def without(self, row, target, result):
        """What `target` is without the rule of the row, as `result`."""
        os.makedirs(os.path.dirname(result), exist_ok=True)
        words = self.linking[target]
        words = words[:words.index('-o')] + ['-o', result]
        files = [file for file in row.files() if self.compilation(file, words)]
        if not files:
            raise Absent(f'skipped: needs a program with {", ".join(row.files())}')
        for number, file in enumerate(files):
            made = f'{result}.{number}.o'
            compiling = list(self.compilation(file, words))
            source, own = compiling.index(file), compiling[-1]
            compiling[source:source + 1] = ['-x', 'c', '-']
            compiling[-1] = made
            compiling = [word for word in compiling if word not in ('-MMD', '-MP')]
            self.run(compiling, mutated(row, file, open(f'{TREE}/{file}').read()))
            if own in words:
                words[words.index(own)] = made
            else:       # the library gives nothing that is there already
                words.insert(next(i for i, word in enumerate(words) if word.endswith('.a')), made)
        self.run(words)
        return result


# --- running a test ------------------------------------------------------------------------------

def summary_command(program, test, where, row, seconds):
    return ['env', f'CRUN_LITE={program}', f'TEST_FILTER={row.filter}', f'TEST_TIMEOUT={seconds}',
            f'{where}/tests/summary.sh', test]


def contained(command):
    """A program without its guards may do anything: at least it does not outlive the test, and sees
    no process but its own.  Criterion names a file in /tmp by its pid, which is the same each time:
    hence a /tmp of our own."""
    if os.geteuid() != 0:
        return command
    return ['unshare', '--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child',
            '--mount-proc', '--', 'sh', '-c', 'mount --bind "$TMPDIR" /tmp && exec "$@"', 'sh',
            *command]


def verdict(output):
    """passed, failed, skipped, and the first complaint or the reason of the skip."""
    totals = re.findall(r'^(\d+) passed, (\d+) failed, (\d+) skipped$', output, re.M)
    if not totals:
        return 0, 1, 0, 'no result: ' + (output.strip().splitlines() or ['?'])[-1]
    words = re.findall(r'^(?:failed: |  skipped: [^:]+::\w+: |  skipped: \d+ tests: )(.*)$', output,
                       re.M)
    return (*map(int, totals[-1]), words[0] if words else '')


def run_native(command, log):
    log.write(f'$ {" ".join(command)}\n')
    result = subprocess.run(contained(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            stdin=subprocess.DEVNULL, text=True, errors='replace')
    log.write(result.stdout)
    log.flush()
    sweep()
    return verdict(result.stdout)


def sweep():
    """What a test has left that was ended by force.  Its directory in our own TMPDIR is there then,
    and its cgroups are called after that."""
    for tag in os.listdir(os.environ['TMPDIR']):
        if not tag.startswith('clt'):
            continue
        for folder, _, _ in os.walk('/sys/fs/cgroup', topdown=False):
            if os.path.relpath(folder, '/sys/fs/cgroup').find(tag) >= 0:
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        shutil.rmtree(f'{os.environ["TMPDIR"]}/{tag}', ignore_errors=True)


def judge(row, before, after):
    """What the two verdicts say: fills row.said, True when the test guards the rule."""
    passed, failed, skipped, words = before
    if failed or not passed and not skipped:
        row.said = f'fails already as the code is: {words}'
        return False
    if not passed:
        row.said = f'skipped: needs {re.sub("^(needs|is about) ", "", words)}'
        return None
    if after is None:
        return None
    if after[1] == 0:
        row.said = f'NOT CAUGHT by {row.program} {row.filter}'
        return False
    # A hang is ended with 124; anything else without a result says nothing of the rule.
    if 'before it reported anything' in after[3] and 'status 124 ' not in after[3]:
        row.said = f'the test could not run: {after[3]}'
        return False
    # The name of the test is in the row.
    row.said = re.sub(r'^\S+: (\S+: )?', '', after[3])[:160]
    return True


# --- the two ways --------------------------------------------------------------------------------

class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []

    def tell(self, row, guarded, seconds=None):
        time_taken = f' ({seconds:.0f} s)' if seconds is not None else ''
        if guarded:
            self.passed += 1
            line = f'ok: {row.name}{time_taken}: {row.said}'
        elif guarded is None:
            self.skipped += 1
            line = f'{row.said}: {row.name}'
        else:
            self.failed += 1
            line = f'FAILED: {row.name}: {row.said}'
            self.failures.append(f'failed: {row.name}: {row.said}')
        print(line, flush=True)


def fitting(rows, report):
    """Those that can be built; the others are told."""
    good = []
    for row in rows:
        try:
            check_row(row)
            good.append(row)
        except Broken as error:
            row.said = str(error)
            report.tell(row, False)
    return good


def build_natively(row, number, builder, scratch):
    """The test and the program without the rule."""
    if row.is_unit():
        return builder.without(row, builder.test_of(row), f'{scratch}/{number}/{row.suite()}'), 'none'
    return (f'{scratch}/tests/{row.program}',
            builder.without(row, 'crun-lite', f'{scratch}/{number}/crun-lite'))


def run_natively(rows, builder, report, log, scratch):
    before, most = {}, {}
    with concurrent.futures.ThreadPoolExecutor(1) as ahead:
        built = [ahead.submit(build_natively, row, number, builder, scratch)
                 for number, row in enumerate(rows)]
        for number, row in enumerate(rows):
            begin = time.time()
            key = row.program, row.filter
            log.write(f'\n=== {row.name}\n')
            try:
                if key not in before:
                    started = time.time()
                    command = summary_command(f'{scratch}/crun-lite',
                                              f'{scratch}/tests/{row.program}', TREE, row,
                                              NATIVE_SECONDS)
                    before[key] = run_native(command, log)
                    # Once more: what others do on this machine meanwhile may look like a leftover.
                    if before[key][1]:
                        before[key] = run_native(command, log)
                    most[key] = max(HANG_SECONDS, int(HANG_TIMES * (time.time() - started)))
                guarded = judge(row, before[key], None)
                if not row.said:
                    test, program = built[number].result()
                    after = run_native(summary_command(program, test, TREE, row, most[key]), log)
                    guarded = judge(row, before[key], after)
                report.tell(row, guarded, time.time() - begin)
            except Absent as error:
                row.said = str(error)
                report.tell(row, None)
            except Broken as error:
                row.said = str(error)
                report.tell(row, False)
            built[number].cancel()
            shutil.rmtree(f'{scratch}/{number}', ignore_errors=True)


def guest_script(rows):
    """Runs in the guest: what each row's test says before and after, between marks."""
    lines, seen = ['mark() { echo "=== $*"; }'], set()
    for index, row in enumerate(rows):
        runs = [('before', 'crun-lite')] if (row.program, row.filter) not in seen else []
        seen.add((row.program, row.filter))
        for which, program in runs + [('after', f'mutated/{index}')]:
            command = summary_command(f'/host/{program}', f'bin/{row.suite()}', '/host', row,
                                      GUEST_SECONDS)
            lines += [f'mark {which} {index}', ' '.join(f"'{word}'" for word in command)]
    return '\n'.join(lines + ['mark end', 'true', ''])


def read_guest(output):
    """{('before', 3): verdict}"""
    parts = re.split(r'^=== (before|after) (\d+)$', output.split('=== end')[0], flags=re.M)
    return {(parts[i], int(parts[i + 1])): verdict(parts[i + 2]) for i in range(1, len(parts), 3)}


def run_guest(init, share, log):
    image = subprocess.run([f'{TREE}/tests/vm/image.sh'], check=True, stdout=subprocess.PIPE,
                           text=True).stdout.strip()
    guest = subprocess.Popen(
        [f'{TREE}/tests/vm/vm-run', '--init', init, '--cpus', '1', '--timeout',
         os.environ.get('VM_TIMEOUT', '5400'), '--share', share, '--', 'sh ./rows.sh 2>&1'],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace',
        env={**os.environ, 'VM_DIR': image})
    try:
        said = guest.communicate()[0]
    finally:
        guest.terminate()       # not killed: QEMU must not outlive it
        guest.wait()
    log.write(said)
    return said


def run_in_guest(init, rows, builder, report, log, scratch):
    share = f'{scratch}/share.{init}'
    os.makedirs(f'{share}/bin')
    shutil.copytree(f'{TREE}/tests', f'{share}/tests')
    shutil.copy2(f'{TREE}/config.json.example', share)
    shutil.copy2(f'{scratch}/crun-lite', share)
    ready = []
    for row in rows:
        try:
            builder.without(row, 'crun-lite', f'{share}/mutated/{len(ready)}')
            shutil.copy2(f'{scratch}/tests/{row.program}', f'{share}/bin')
            ready.append(row)
        except Absent as error:
            row.said = str(error)
            report.tell(row, None)
        except Broken as error:
            row.said = str(error)
            report.tell(row, False)
    if not ready:
        return
    with open(f'{share}/rows.sh', 'w') as stream:
        stream.write(guest_script(ready))
    seen = read_guest(run_guest(init, share, log))
    lost = (0, 1, 0, 'the guest did not get so far')
    before = {}
    for index, row in enumerate(ready):
        key = row.program, row.filter
        before.setdefault(key, seen.get(('before', index), lost))
        guarded = judge(row, before[key], None)
        if not row.said and ('after', index) not in seen:
            row.said, guarded = lost[3], False
        elif not row.said:
            guarded = judge(row, before[key], seen['after', index])
        report.tell(row, guarded)


def stop(number, frame):
    sys.exit(128 + number)


def main():
    signal.signal(signal.SIGTERM, stop)
    arguments = sys.argv[1:]
    only_check = '--check' in arguments
    rows = chosen_rows()
    report = Report()
    good = fitting(rows, report)
    if only_check:
        if report.failed:
            sys.exit(f'{report.failed} of {len(rows)} rows of tests/mutations do not fit')
        return
    build = os.path.realpath(arguments[0])
    os.makedirs(f'{build}/mutations', exist_ok=True)
    scratch = tempfile.mkdtemp(prefix='mutations.', dir='/var/tmp')
    os.chmod(scratch, 0o755)        # ordinary users of tests run what is in there
    os.environ['TMPDIR'] = f'{scratch}/tmp'
    os.mkdir(f'{scratch}/tmp')
    os.chmod(f'{scratch}/tmp', 0o1777)
    begin = time.time()
    try:
        with open(f'{build}/mutations/log', 'w') as log:
            builder = Builder(build, good, log)
            shutil.copy2(f'{TREE}/crun-lite', scratch)
            for program in dict.fromkeys(row.program for row in good):
                target = f'{scratch}/tests/{os.path.dirname(program)}'
                os.makedirs(target, exist_ok=True)
                shutil.copy2(f'{build}/tests/{program}', target)
            run_natively([row for row in good if row.where == 'native'], builder, report, log, scratch)
            for init in GUESTS:
                there = [row for row in good if row.where == init]
                if there:
                    run_in_guest(init, there, builder, report, log, scratch)
    except Broken as error:
        report.failed += 1
        report.failures.append(f'failed: the tree as it is: {error}')
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f'{time.time() - begin:.0f} seconds')
    for line in report.failures:
        print(line)
    print(f'{report.passed} passed, {report.failed} failed, {report.skipped} skipped')
    sys.exit(report.failed > 0)


main()
