#!/usr/bin/python3
"""How long runtimes take, as ratios to the floor: the least kernel work that does the same (tests/bench/floor).

usage: bench.py [--quick | --counts] [--json FILE] [--svg FILE] [--probe PROGRAM] BUILD

As root.  BUILD is the folder of the bench's own programs, PROGRAM the probe of tests/probe.  CRUN_LITE is the program to measure;
CRUN and RUNC are the peers instead of those installed, several with spaces between them.

  --quick    run, create+start+delete, run with seccomp, exec: in a tight loop
  --counts   hold against limits.tsv what does not drift; the ratios are shown, nothing depends on them

docs/performance.md tells the method.  The last line is
`floor ratios: run R1, create+start+delete R2, seccomp R3, exec R4; best crun / crun-lite: P1 P2 P3 P4`,
with --counts `N passed, N failed, N skipped`.
"""
import argparse, json, os, platform, re, sys, time

sys.dont_write_bytecode = True
import equivalence, figures, report, world
from measure import Cell, main_step, measure

QUICK = {
    'run': [Cell('run')],
    'create+start+delete': [Cell('create+start+delete')],
    # Of several the one that is worst for us counts: a filter from a cold cache and from a warm one.
    'seccomp': [Cell('run', 'seccomp', True), Cell('run', 'seccomp')],
    'exec': [Cell('exec')],
}
SCENARIOS = [
    *((operation, config, cold) for operation in ('run', 'create+start+delete')
      for config, cold in (('plain', False), ('seccomp', True), ('seccomp', False), ('pod', False), ('overlay', False))),
    ('exec', 'plain', False), ('exec', 'seccomp', False), ('state', 'plain', False), ('kill', 'plain', False)]


MANY = 1000


def all_cells():
    for idle_ms, cpus in ((0, 2), (50, 2), (0, 1), (50, 1)):
        for operation, config, cold in SCENARIOS:
            yield Cell(operation, config, cold, idle_ms, cpus)


def last_line(results):
    ours, peers = [], []
    for what, cells in QUICK.items():
        ours.append(f'{what} {max(results[cell].ratio("crun-lite", "floor", main_step(cell)) for cell in cells):.2f}')
        ratios = [results[cell].peer_ratio(main_step(cell)) for cell in cells]
        peers.append('-' if None in ratios else f'{min(ratios):.2f}')
    return f'floor ratios: {", ".join(ours)}; best crun / crun-lite: {" ".join(peers)}'


class Bench:
    def __init__(self, options):
        self.options, self.build = options, os.path.realpath(options.build)
        self.entrants, self.remarks = world.find_entrants(self.build)
        self.measured, self.results = {}, {}

    def runtimes(self):
        return {name: entrant for name, entrant in self.entrants.items() if isinstance(entrant, world.Runtime)}

    def introduce(self):
        for entrant in self.runtimes().values():
            entrant.linked, entrant.size = world.file_facts(entrant.program)
            print(f'{entrant.name}: {entrant.version}, {entrant.linked}, {entrant.size // 1024} KiB stripped; {entrant.program}')
        print(*self.remarks, sep='\n', end='\n' if self.remarks else '', flush=True)

    def check_equivalence(self):
        """False, having said why, if somebody does less than others."""
        unknown, used = equivalence.check(self.entrants, os.path.realpath(self.options.probe), self.build)
        print('what a process finds is what it finds under the floor, but for (tests/bench/equivalent.tsv):')
        for (label, why), count in sorted(used.items()):
            print(f'  {label}: {count} lines: {why}')
        print(*(f'failed: not equivalent: {line}' for line in unknown), sep='\n', flush=True)
        return not unknown

    def measure(self, cells, **options):
        for cell in cells:
            self.measured[cell] = measure(cell, self.entrants, self.bundles, self.build, **options)
            print(report.table_of(self.measured[cell].summary()), flush=True)

    def quick_cells(self):
        return [cell for cells in QUICK.values() for cell in cells]

    def make_bundles(self, *names):
        self.bundles = world.make_bundles(self.build + '/true', names=names)

    def counts(self):
        return {name: figures.count_all(entrant, self.bundles, self.build)
                for name, entrant in self.entrants.items() if name != 'nothing'}

    # --- the three ways of running ---------------------------------------------------------------

    def quick(self):
        self.make_bundles('plain', 'seccomp')
        self.measure(self.quick_cells(), seconds=7)
        self.keep({'cells': self.cells()})
        print(last_line(self.measured))

    def full(self):
        self.make_bundles('plain', 'seccomp', 'pod', 'overlay')
        self.results = {
            'machine': describe_machine(), 'hybrid': json.loads(os.environ.get(world.HYBRID_RESULTS) or '[]'),
            'entrants': {entrant.name: {'version': entrant.version, 'linked': entrant.linked, 'size': entrant.size,
                                        'remark': ', '.join(re.sub(r'\S*/', '', each) for each in entrant.environment)}
                         for entrant in self.runtimes().values()}}
        for cell in all_cells():
            self.measure([cell], rounds=30 if cell.idle_ms else 60, seconds=7 if cell in self.quick_cells() else 5)
            self.keep({'cells': self.cells()})
        parts = {
            'counts': self.counts,
            'list': lambda: {'total': MANY, 'us': figures.time_list(self.entrants, self.bundles, self.build, MANY)},
            'flat': lambda: figures.flatness(self.entrants, self.bundles, self.build, many=MANY),
            'beside': lambda: figures.beside_living(self.entrants, self.bundles, self.build),
            'steps': lambda: figures.breakdown(self.bundles, self.build)}
        for name, part in parts.items():
            print(f'{name} ...', flush=True)
            self.keep({name: part()})
        self.results['machine']['load_end'] = load()
        self.keep({'last_line': last_line(self.measured)})
        print(report.markdown(self.results))
        print(self.results['last_line'])

    def cells(self):
        return [{**measured.summary(), 'peer_ratio': measured.peer_ratio(main_step(cell))}
                for cell, measured in self.measured.items()]

    def keep(self, more):
        """What there is so far: nothing of it is lost to what comes after it."""
        self.results.update(more)
        for path, text in ((self.options.json, json.dumps(self.results, indent=1) + '\n'), (self.options.svg, None)):
            if path:
                world.write(os.path.abspath(path), text or report.picture(self.results))

    def check_limits(self):
        """[passed, failed, skipped]: each limit is one of them."""
        limits, result = world.read_table('limits.tsv'), [0, 0, 0]
        if self.entrants['crun-lite'].linked != 'static':
            print('limits.tsv is for a static program')
            return [0, 0, len(limits)]
        ours = figures.count_all(self.entrants['crun-lite'], self.bundles, self.build)
        ours['binary'] = {'kib': -(-self.entrants['crun-lite'].size // 1024)}
        for operation, what, limit, target in limits:
            too_much = ours[operation][what] > int(limit)
            result[too_much] += 1
            print(f'{"failed: " * too_much}{operation}: {what} {ours[operation][what]}, limit {limit}, target {target}', flush=True)
        return result

    def gate(self):
        self.make_bundles('plain', 'seccomp')
        passed, failed, skipped = self.check_limits()
        same = self.check_equivalence()
        self.measure(self.quick_cells(), seconds=3, rounds=30)
        print(last_line(self.measured))
        print(f'{passed + same} passed, {failed + (not same)} failed, {skipped} skipped')
        return same and not failed

    def hybrid(self):
        """Where v1 and v2 are side by side there is no floor: what there is, is what others take to what we take."""
        self.bundles = world.make_bundles(self.build + '/true', names=('plain',), cgroup=os.environ[world.CGROUP] + '/container')
        self.entrants = {name: entrant for name, entrant in self.runtimes().items()
                         if world.can_run(entrant, self.bundles['plain'])}
        results = []
        for operation in ('run', 'create+start+delete'):
            for idle_ms in (0, 50):
                cell = Cell(operation, 'plain', False, idle_ms, 2)
                measured = measure(cell, self.entrants, self.bundles, self.build, rounds=30, seconds=5)
                measured.base = 'crun-lite'
                results.append(measured.summary())
                print('hybrid host: ' + report.table_of(results[-1]), flush=True)
        world.write(os.environ[world.HYBRID_RESULTS], json.dumps(results))


def load():
    return '%.1f' % os.getloadavg()[0]


def describe_machine():
    model = re.search(r'model name\s*: (.*)', world.read('/proc/cpuinfo'))
    return {'day': time.strftime('%F'), 'cpus': os.cpu_count(), 'cpu': re.sub(r'\s+', ' ', model[1]) if model else '?',
            'kernel': platform.release(), 'load_begin': load()}


def cannot_run():
    if platform.machine() != 'x86_64':
        return 'the floor is for x86_64'
    if os.geteuid() != 0:
        return 'it wants root'
    if not os.access(os.environ.get('CRUN_LITE', ''), os.X_OK):
        return 'CRUN_LITE is not the path of a program'
    return None if world.cgroup2_mount() else 'there is no cgroup v2'


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    for name in ('quick', 'counts'):
        parser.add_argument('--' + name, action='store_true')
    for name in ('json', 'svg', 'probe'):
        parser.add_argument('--' + name)
    parser.add_argument('build')
    options = parser.parse_args()
    view = os.environ.get(world.VIEW)
    if view is None:
        why = cannot_run()
        if why:
            print(f'bench: {why}')
            print('0 passed, 0 failed, 1 skipped')
            sys.exit(0 if options.counts else 1)
        sys.exit(world.enter(hybrid=not (options.quick or options.counts)))
    world.set_up_view(view)
    bench = Bench(options)
    if view == 'hybrid':
        bench.hybrid()
        return
    bench.introduce()
    if options.counts:
        sys.exit(0 if bench.gate() else 1)
    if options.probe and not bench.check_equivalence():
        sys.exit('bench: they do not do the same work')
    bench.quick() if options.quick else bench.full()


main()
