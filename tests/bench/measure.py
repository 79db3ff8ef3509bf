"""Cells: one operation in one configuration under certain conditions, all entrants interleaved by tests/bench/interleave.c."""
import collections, os, statistics, subprocess, sys
import world

Cell = collections.namedtuple('Cell', 'operation config cold idle_ms cpus', defaults=('plain', False, 0, 2))
ID = 'bench-{}'
# Operations as steps of interleave.c: what is done, whether it is timed.
STEPS = {
    'run': [('time', 'run')],
    'create+start+delete': [('time', 'create'), ('time', 'start'), ('reap', None), ('time', 'delete')],
    'exec': [('time', 'exec')],
    'state': [('time', 'state')],
    'kill': [('time', 'kill')],
    'list': [('time', 'list')],
}
# In a container that is there already.
LIVE = {'exec', 'state', 'kill'}
# The least there can be of these is the start of a process.
OF_A_PROCESS = {'state', 'kill', 'list'}


def quantile(values, share):
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


def main_step(cell):
    return 'sum' if len(STEPS[cell.operation]) > 1 else cell.operation


def base_of(cell):
    return 'nothing' if cell.operation in OF_A_PROCESS else 'floor'


class Measured:
    """{entrant: {step: {round: (wall, cpu)}}}, in microseconds."""

    def __init__(self, cell, text):
        self.cell, self.base = cell, base_of(cell)
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

    def ratios(self, entrant, base, step):
        """Of each round that both took part in."""
        mine, theirs = self.samples[entrant][step], self.samples[base][step]
        return [mine[round][0] / theirs[round][0] for round in mine if round in theirs]

    def ratio(self, entrant, base, step):
        return statistics.median(self.ratios(entrant, base, step))

    def peer_ratio(self, step):
        """The best crun's time to ours; None where there is none."""
        peers = [name for name in self.samples if name.startswith('crun') and name != 'crun-lite']
        return min((self.ratio(name, 'crun-lite', step) for name in peers), default=None)

    def summary(self):
        """What is kept of it."""
        kept = {}
        for name, steps in self.samples.items():
            for step, samples in steps.items():
                walls, ratios = self.walls(name, step), self.ratios(name, self.base, step)
                kept.setdefault(name, {})[step] = {
                    'rounds': len(walls), 'min': min(walls), 'p25': quantile(walls, .25), 'median': statistics.median(walls),
                    'cpu': statistics.median(cpu for _, cpu in samples.values()), 'ratio': statistics.median(ratios),
                    'ratio_p25': quantile(ratios, .25), 'ratio_p75': quantile(ratios, .75)}
        return {**self.cell._asdict(), 'base': self.base, 'entrants': kept}


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


def interleave(build, plan, *options):
    world.write(world.WORK + '/plan', plan)
    said = subprocess.run([build + '/interleave', *map(str, options), world.WORK + '/plan'], stdout=subprocess.PIPE, text=True)
    if said.returncode:
        sys.exit('bench: interleave failed')
    return said.stdout


def taking_part(cell, entrants):
    """The floor has no command for what only reads, and to start a process is the least there can be of that."""
    without = 'floor' if cell.operation in OF_A_PROCESS else 'nothing'
    return [entrant for entrant in entrants.values() if entrant.name != without]


def measure(cell, entrants, bundles, build, rounds=60, seconds=7):
    """Not more than `seconds`, whatever the machine does beside it."""
    entrants = taking_part(cell, entrants)
    if cell.operation in LIVE:
        for entrant in entrants:
            make_live(entrant, bundles[cell.config + '-live'], live_id(entrant))
    options = ['-n', rounds, '-t', seconds, '-i', cell.idle_ms, *(['-c', 0] if cell.cpus == 1 else [])]
    said = interleave(build, plan_of(cell, entrants, bundles), *options)
    if cell.operation in LIVE:
        for entrant in entrants:
            remove_live(entrant, live_id(entrant))
    return Measured(cell, said)


def make_live(entrant, bundle, id):
    if not isinstance(entrant, world.Nothing):
        entrant.call('create', bundle, id)
        entrant.call('start', bundle, id)


def kill(pid):
    """And wait until it has been reaped: while it is a zombie, it can be sent signals."""
    assert pid > 1, 'a container that has ended already'
    os.kill(pid, 9)
    while os.path.exists(f'/proc/{pid}'):
        os.sched_yield()


def remove_live(entrant, id):
    if not isinstance(entrant, world.Nothing):
        kill(entrant.pid(id))
        entrant.call('delete', id=id)
