#!/usr/bin/python3
"""How long runtimes take, as ratios to the floor: the least kernel work that does the same (tests/bench/floor).

usage: bench.py [--quick] [--json FILE] [--svg FILE] BUILD      as root; BUILD: the folder of what the Makefile built

CRUN_LITE is the program to measure; CRUN and RUNC are peers, of which there may be several, instead of those installed.
docs/performance.md tells the method.  The last line is
`floor ratios: run R1, create+start+delete R2, seccomp R3, exec R4; best crun / crun-lite: P1 P2 P3 P4`.
"""
import argparse, collections, os, statistics, subprocess, sys

sys.dont_write_bytecode = True
import world

Cell = collections.namedtuple('Cell', 'operation config cold idle_ms cpus')


def quantile(values, share):
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


# --- plans ------------------------------------------------------------------------------------------------------------

ID = 'bench-{}'
# Operations as steps of tests/bench/interleave.c: what is done, whether it is timed.
STEPS = {
    'run': [('time', 'run')],
    'create+start+delete': [('time', 'create'), ('time', 'start'), ('reap', None), ('time', 'delete')],
    'exec': [('time', 'exec')],
    'state': [('time', 'state')],
    'kill': [('time', 'kill')],
    'list': [('time', 'list')],
}
LIVE = {'exec', 'state', 'kill'}


def live_id(entrant):
    return f'live-{entrant.name}'


def plan_of(cell, entrants, bundles):
    lines = []
    for entrant in entrants:
        lines.append(['entrant', entrant.name, str(entrant.every)])
        for kind, operation in STEPS[cell.operation]:
            if operation is None:
                lines.append([kind])
                continue
            id = live_id(entrant) if cell.operation in LIVE else ID
            lines.append([kind, operation, *entrant.words(operation, bundles[cell.config], id, cell.cold)])
    return ''.join('\t'.join(line) + '\n' for line in lines)


class Measured:
    """{entrant: {step: {round: (wall, cpu)}}}, in microseconds."""

    def __init__(self, text):
        self.samples = collections.defaultdict(lambda: collections.defaultdict(dict))
        for line in text.splitlines():
            entrant, step, round, wall, cpu = line.split('\t')
            self.samples[entrant][step][int(round)] = int(wall) / 1000, int(cpu) / 1000
        for steps in self.samples.values():
            if len(steps) > 1:
                rounds = next(iter(steps.values()))
                steps['sum'] = {round: tuple(sum(values) for values in zip(*(step[round] for step in steps.values())))
                                for round in rounds}

    def walls(self, entrant, step):
        return [wall for wall, _ in self.samples[entrant][step].values()]

    def cpus(self, entrant, step):
        return [cpu for _, cpu in self.samples[entrant][step].values()]

    def ratios(self, entrant, base, step, base_step=None):
        """Of each round that both took part in."""
        mine, theirs = self.samples[entrant][step], self.samples[base][base_step or step]
        return [mine[round][0] / theirs[round][0] for round in mine if round in theirs]


def measure(cell, rounds, entrants, bundles, build):
    if cell.operation in LIVE:
        for entrant in entrants:
            make_live(entrant, bundles[cell.config + '-live'])
    plan = world.WORK + '/plan'
    world.write(plan, plan_of(cell, entrants, bundles))
    words = [build + '/interleave', '-n', str(rounds), '-t', '7', '-i', str(cell.idle_ms), *(['-c', '0'] if cell.cpus == 1 else []), plan]
    said = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    if said.returncode:
        sys.exit(f'bench: {cell}: interleave failed')
    if cell.operation in LIVE:
        for entrant in entrants:
            remove_live(entrant)
    return Measured(said.stdout)


def make_live(entrant, bundle):
    if not isinstance(entrant, world.Nothing):
        entrant.call('create', bundle, live_id(entrant))
        entrant.call('start', bundle, live_id(entrant))


def remove_live(entrant):
    if isinstance(entrant, world.Nothing):
        return
    pid = entrant.pid(live_id(entrant))
    os.kill(pid, 9)
    while os.path.exists(f'/proc/{pid}') and not world.read(f'/proc/{pid}/stat').rpartition(')')[2].startswith(' Z'):
        subprocess.run(['sleep', '0.01'])
    entrant.call('delete', id=live_id(entrant))


# --- quick ------------------------------------------------------------------------------------------------------------

QUICK = {
    'run': [Cell('run', 'plain', False, 0, 2)],
    'create+start+delete': [Cell('create+start+delete', 'plain', False, 0, 2)],
    'seccomp': [Cell('run', 'seccomp', True, 0, 2), Cell('run', 'seccomp', False, 0, 2)],
    'exec': [Cell('exec', 'plain', False, 0, 2)],
}


def main_step(cell):
    return 'sum' if len(STEPS[cell.operation]) > 1 else cell.operation


def last_line(results):
    """Of several cells the one that is worst for us counts: a filter from a cold cache and from a warm one."""
    ours, peers = [], []
    for what, cells in QUICK.items():
        ratios, best = [], []
        for cell in cells:
            measured, step = results[cell], main_step(cell)
            ratios.append(statistics.median(measured.ratios('crun-lite', 'floor', step)))
            best += [min(statistics.median(measured.ratios(name, 'crun-lite', step))
                         for name in measured.samples if name.startswith('crun') and name != 'crun-lite')] \
                if 'crun' in measured.samples else []
        ours.append(f'{what} {max(ratios):.2f}')
        peers.append(f'{min(best):.2f}' if best else '-')
    return f'floor ratios: {", ".join(ours)}; best crun / crun-lite: {" ".join(peers)}'


def print_cell(cell, measured):
    print(f'\n{cell.operation}, {cell.config}{", cold" if cell.cold else ""}, '
          f'{f"{cell.idle_ms} ms idle" if cell.idle_ms else "tight loop"}, {"two CPUs" if cell.cpus == 2 else "one CPU"}')
    print(f'  {"":26} {"min us":>8} {"p25":>8} {"median":>8} {"cpu":>8}   ratio to floor (p25-p75)')
    for name, steps in measured.samples.items():
        for step in steps:
            walls, ratios = measured.walls(name, step), measured.ratios(name, 'floor', step)
            print(f'  {name + " " + step:26} {min(walls):8.0f} {quantile(walls, .25):8.0f} {statistics.median(walls):8.0f} '
                  f'{statistics.median(measured.cpus(name, step)):8.0f}   {statistics.median(ratios):5.2f} '
                  f'({quantile(ratios, .25):.2f}-{quantile(ratios, .75):.2f})')


def quick(entrants, bundles, build):
    results = {}
    for cells in QUICK.values():
        for cell in cells:
            who = [entrant for name, entrant in entrants.items() if name != 'nothing']
            results[cell] = measure(cell, 60, who, bundles, build)
            print_cell(cell, results[cell])
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('build')
    options = parser.parse_args()
    if world.INSIDE not in os.environ:
        sys.exit(world.enter())
    build = os.path.realpath(options.build)
    world.set_up_view()
    entrants, remarks = world.find_entrants(build)
    for entrant in entrants.values():
        if isinstance(entrant, world.Runtime):
            linked, size = world.file_facts(entrant.program)
            print(f'{entrant.name}: {entrant.version}, {linked}, {size // 1024} KiB stripped, {entrant.program}')
    print(*remarks, sep='\n', end='\n' if remarks else '', flush=True)
    bundles = world.make_bundles(build + '/true', names=('plain', 'seccomp'))
    results = quick(entrants, bundles, build)
    print(last_line(results))


main()
