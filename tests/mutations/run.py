#!/usr/bin/env python3
"""Prove that the tests guard the code: take one rule away, and a named test must fail.

usage: run.py [--check] BUILD

The rows are in the *.rows files beside this script; rows(5), so to speak, is the first of them.  A
copy of the tree is kept in BUILD/mutations/tree, so that a second time little is built; the tree
itself is never edited.  For each row, the named test must pass as the code is; then the rule is
taken away, the program (a unit test: the test) is built anew, and the test must fail.

MUTATIONS_FILTER=REGEX chooses rows by their name or file.  MUTATIONS_WHERE="native bare systemd"
chooses the places: this machine, and the guests of tests/vm under either init.  CC, CFLAGS and the
like are for make; BUILD/mutations/log has all that the tests said.

One line a row; the last is `N passed, N failed, N skipped`.  --check only looks whether each row
still fits the sources and names a test that is there.
"""
import fnmatch, os, re, shutil, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.realpath(__file__))
TREE = os.path.realpath(HERE + '/../..')
GUESTS = ('bare', 'systemd')
# What a hang may cost natively: the deadline of a program in a test is 120 seconds.
NATIVE_SECONDS, GUEST_SECONDS = 200, 900


class Broken(Exception):
    """The row is at fault, not a test."""


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
            any(pattern.search(text) for text in [row.name, row.program] + row.files())]


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


# --- the copy ------------------------------------------------------------------------------------

class Copy:
    """The tree once more, to be edited and built."""

    def __init__(self, build, log):
        self.log = log
        self.path = f'{build}/mutations/tree'
        first = not os.path.isdir(self.path)
        os.makedirs(self.path, exist_ok=True)
        self.take_over_sources()
        if first:
            self.take_over_objects(build)
        self.forget_archive()

    def take_over_sources(self):
        listed = subprocess.run(['git', '-C', TREE, 'ls-files', '-z', '-co', '--exclude-standard'],
                                check=True, stdout=subprocess.PIPE, text=True).stdout
        files = {file for file in listed.split('\0') if file and os.path.isfile(f'{TREE}/{file}')}
        for folder, folders, names in os.walk(self.path):
            folders[:] = [name for name in folders if f'{folder}/{name}' != f'{self.path}/build']
            for name in names:
                path = f'{folder}/{name}'
                if os.path.relpath(path, self.path) not in files | {'crun-lite'}:
                    os.unlink(path)
        for file in files:
            # By content: what was left mutated by a run that was killed must be built again.
            source, target = f'{TREE}/{file}', f'{self.path}/{file}'
            if os.path.exists(target) and read(source) == read(target):
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            known = os.path.exists(target)
            shutil.copy2(source, target)
            if known:
                os.utime(target)

    def take_over_objects(self, build):
        for folder, folders, names in os.walk(build):
            folders[:] = [name for name in folders
                          if f'{folder}/{name}' not in (f'{build}/mutations', f'{build}/results')]
            for name in names:
                if name.endswith(('.o', '.d')):
                    target = f'{self.path}/build/{os.path.relpath(folder, build)}'
                    os.makedirs(target, exist_ok=True)
                    shutil.copy2(f'{folder}/{name}', target)

    def forget_archive(self):
        """Whatever is made next is linked anew."""
        archive = f'{self.path}/build/libcrun-lite.a'
        if os.path.exists(archive):
            os.unlink(archive)

    def make(self, *targets):
        jobs = os.environ.get('MUTATIONS_JOBS', str(os.cpu_count()))
        result = subprocess.run(['make', '-C', self.path, '-j' + jobs, 'BUILD=build',
                                 'PROGRAM=crun-lite', *targets],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env={**os.environ, 'MAKEFLAGS': '', 'MFLAGS': ''})
        self.log.write(result.stdout)
        if result.returncode != 0:
            errors = [line for line in result.stdout.splitlines() if 'error' in line.lower()]
            raise Broken(f'does not build: {(errors or ["?"])[0]}')

    def object_of(self, file):
        return f'{self.path}/build/{file[:-2]}.o' if file.endswith('.c') else None

    def build_without(self, row, target, result):
        """Take the rule away, make `target`, keep what came out as `result`, give the rule back."""
        kept = []
        try:
            for file in row.files():
                path, made = f'{self.path}/{file}', self.object_of(file)
                text = mutated(row, file, open(path).read())
                for original in (path, made):
                    if original and os.path.exists(original):
                        shutil.copy2(original, original + '.kept')
                        kept.append(original)
                with open(path, 'w') as stream:
                    stream.write(text)
            self.make(target)
            os.makedirs(os.path.dirname(result), exist_ok=True)
            shutil.copy2(f'{self.path}/{target}', result)
        finally:
            # The archive first: without it nothing stale is ever linked, wherever we are killed.
            self.forget_archive()
            for original in reversed(kept):
                os.rename(original + '.kept', original)


def read(path):
    with open(path, 'rb') as stream:
        return stream.read()


# --- running a test ------------------------------------------------------------------------------

def summary_command(program, test, where, row, seconds):
    return ['env', f'CRUN_LITE={program}', f'TEST_FILTER={row.filter}', f'TEST_TIMEOUT={seconds}',
            f'{where}/tests/summary.sh', test]


def contained(command):
    """A program without its guards may do anything: at least it does not outlive the test, and sees
    no process but its own."""
    if os.geteuid() != 0:
        return command
    return ['unshare', '--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child',
            '--mount-proc', '--', *command]


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
    return verdict(result.stdout)


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


def test_program(row):
    return f'build/tests/{row.program}'


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


def run_natively(rows, copy, report, log, scratch):
    before = {}
    for row in rows:
        begin = time.time()
        key = row.program, row.filter
        log.write(f'\n=== {row.name}\n')
        try:
            if key not in before:
                before[key] = run_native(summary_command(
                    f'{scratch}/crun-lite', f'{scratch}/tests/{row.program}', copy.path, row,
                    NATIVE_SECONDS), log)
            guarded = judge(row, before[key], None)
            if row.said:
                report.tell(row, guarded)
                continue
            if row.is_unit():
                target, program = test_program(row), f'{scratch}/crun-lite'
                test = result = f'{scratch}/mutated/{row.suite()}'
            else:
                target = 'crun-lite'
                program = result = f'{scratch}/mutated/crun-lite'
                test = f'{scratch}/tests/{row.program}'
            copy.build_without(row, target, result)
            after = run_native(summary_command(program, test, copy.path, row, NATIVE_SECONDS), log)
            report.tell(row, judge(row, before[key], after), time.time() - begin)
        except Broken as error:
            row.said = str(error)
            report.tell(row, False)


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
    result = subprocess.run(
        [f'{TREE}/tests/vm/vm-run', '--init', init, '--cpus', '1', '--timeout',
         os.environ.get('VM_TIMEOUT', '5400'), '--share', share, '--', 'sh ./rows.sh 2>&1'],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace',
        env={**os.environ, 'VM_DIR': image})
    log.write(result.stdout)
    return result.stdout


def run_in_guest(init, rows, copy, report, log, scratch):
    share = f'{scratch}/share.{init}'
    os.makedirs(f'{share}/bin')
    shutil.copytree(f'{copy.path}/tests', f'{share}/tests')
    shutil.copy2(f'{copy.path}/config.json.example', share)
    shutil.copy2(f'{scratch}/crun-lite', share)
    ready = []
    for row in rows:
        try:
            copy.build_without(row, 'crun-lite', f'{share}/mutated/{len(ready)}')
            shutil.copy2(f'{scratch}/tests/{row.program}', f'{share}/bin')
            ready.append(row)
        except Broken as error:
            row.said = str(error)
            report.tell(row, False)
    if not ready:
        return
    with open(f'{share}/rows.sh', 'w') as stream:
        stream.write(guest_script(ready))
    seen = read_guest(run_guest(init, share, log))
    before = {}
    for index, row in enumerate(ready):
        key = row.program, row.filter
        before.setdefault(key, seen.get(('before', index), (0, 1, 0, 'the guest did not get so far')))
        guarded = judge(row, before[key], None)
        if not row.said:
            guarded = judge(row, before[key],
                            seen.get(('after', index), (1, 0, 0, 'the guest did not get so far')))
        report.tell(row, guarded)


def main():
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
            copy = Copy(build, log)
            programs = list(dict.fromkeys(row.program for row in good))
            copy.make('crun-lite', *(f'build/tests/{program}' for program in programs))
            shutil.copy2(f'{copy.path}/crun-lite', scratch)
            for program in programs:
                target = f'{scratch}/tests/{os.path.dirname(program)}'
                os.makedirs(target, exist_ok=True)
                shutil.copy2(f'{copy.path}/build/tests/{program}', target)
            run_natively([row for row in good if row.where == 'native'], copy, report, log, scratch)
            for init in GUESTS:
                there = [row for row in good if row.where == init]
                if there:
                    run_in_guest(init, there, copy, report, log, scratch)
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
