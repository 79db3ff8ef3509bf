"""Figures that are not times of one call: counts that do not drift, memory, many containers, the floor's own steps."""
import collections, os, re, shutil, statistics, subprocess
import measure, world


# --- counts -----------------------------------------------------------------------------------------------------------

COUNTED = ('syscalls', 'execs', 'processes', 'kib')


def count(entrant, build, *arguments):
    """Of one call of a runtime: see count.c."""
    counts = world.WORK + '/counts'
    words = [build + '/count', counts, *entrant.words(*arguments)]
    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return dict(zip(COUNTED, map(int, world.read(counts).split())))


def private_kib(pid):
    return sum(map(int, re.findall(r'Private_\w+: *(\d+) kB', world.read(f'/proc/{pid}/smaps_rollup'))))


def count_all(entrant, bundles, build):
    """{operation: counts}; of `create` also what its process has for itself while it waits."""
    id, counts = f'count-{entrant.name}', {}
    for operation, bundle in (('run', 'plain'), ('run with seccomp', 'seccomp')):
        counts[operation] = count(entrant, build, 'run', bundles[bundle], id)
    counts['create'] = count(entrant, build, 'create', bundles['plain-live'], id)
    pid = entrant.pid(id)
    counts['create']['waiting_kib'] = private_kib(pid)
    counts['start'] = count(entrant, build, 'start', None, id)
    counts['exec'] = count(entrant, build, 'exec', bundles['plain'], id)
    if isinstance(entrant, world.Runtime):
        for operation in ('state', 'kill', 'list'):
            counts[operation] = count(entrant, build, operation, None, id)
    measure.kill(pid)
    counts['delete'] = count(entrant, build, 'delete', None, id)
    return counts


# --- many containers --------------------------------------------------------------------------------------------------

def copy_state(entrant, id, number):
    """One more container, as far as `list` can tell: the state of one that runs, under another id."""
    root = f'{world.WORK}/roots/{entrant.name}'
    os.makedirs(f'{root}/{id}-{number}')
    for name in os.listdir(f'{root}/{id}'):
        path = f'{root}/{id}/{name}'
        if os.path.isfile(path):
            text = re.sub(rf'("id": ?)"{id}"', rf'\1"{id}-{number}"', world.read(path))
            world.write(f'{root}/{id}-{number}/{name}', text)


def time_list(entrants, bundles, build, total):
    """Microseconds of `list` for each runtime with that many containers: the median of interleaved rounds."""
    runtimes = [entrant for entrant in entrants.values() if isinstance(entrant, world.Runtime)]
    for entrant in runtimes:
        id = measure.live_id(entrant)
        measure.make_live(entrant, bundles['plain-live'], id)
        for number in range(1, total):
            copy_state(entrant, id, number)
        shown = entrant.call('list', stdout=subprocess.PIPE, text=True).stdout.count('\n' + id)
        assert shown == total, f'{entrant.name} lists {shown} of {total} containers'
    cell = measure.Cell('list')
    plan = measure.plan_of(cell, measure.taking_part(cell, entrants), bundles)
    measured = measure.Measured(cell, measure.interleave(build, plan, '-n', 20, '-t', 8))
    for entrant in runtimes:
        id = measure.live_id(entrant)
        for number in range(1, total):
            shutil.rmtree(f'{world.WORK}/roots/{entrant.name}/{id}-{number}')
        measure.remove_live(entrant, id)
    return {name: statistics.median(measured.walls(name, 'list')) for name in measured.samples}


def time_many(entrants, bundles, build, total):
    """{entrant: {step: [us]}} of as many containers that live at once: all created and started, then all deleted.

    In turns, so that the machine's moods are everybody's.
    """
    making, deleting = '', ''
    for entrant in entrants:
        begin = f'entrant\t{entrant.name}\t1\n'
        id = f'many-{entrant.name}-' + '{}'
        making += begin + ''.join('\t'.join(['time', step, *entrant.words(step, bundles['plain-live'], id)]) + '\n'
                                  for step in ('create', 'start'))
        deleting += begin + '\t'.join(['time', 'delete', *entrant.words('delete', None, id)]) + '\n'
    times = collections.defaultdict(lambda: collections.defaultdict(list))
    text = measure.interleave(build, making, '-n', total, '-w', 0)
    for entrant in entrants:
        for number in range(total):
            measure.kill(entrant.pid(f'many-{entrant.name}-{number}'))
    text += measure.interleave(build, deleting, '-n', total, '-w', 0)
    for line in text.splitlines():
        name, step, _, wall, _ = line.split('\t')
        times[name][step].append(int(wall) / 1000)
    return times


def per_container(times):
    """The median time of a container's life."""
    return sum(statistics.median(values) for values in times.values())


def flatness(entrants, bundles, build, few=10, many=1000):
    """Time per container among many to that among few, also as multiples of the floor, beside which both were measured."""
    pair = [entrants['floor'], entrants['crun-lite']]
    at = {few: collections.defaultdict(lambda: collections.defaultdict(list)), many: None}
    for _ in range(5):
        for name, steps in time_many(pair, bundles, build, few).items():
            for step, values in steps.items():
                at[few][name][step] += values
    at[many] = time_many(pair, bundles, build, many)
    return {name: {str(total): per_container(at[total][name]) for total in (few, many)} for name in ('floor', 'crun-lite')}


def beside_living(entrants, bundles, build, living=500):
    """The same cells without and with that many containers on the host."""
    cells = [measure.Cell('run'), measure.Cell('create+start+delete')]
    pair = {name: entrants[name] for name in ('floor', 'crun-lite')}
    before = [measure.measure(cell, pair, bundles, build) for cell in cells]
    floor = entrants['floor']
    for number in range(living):
        measure.make_live(floor, bundles['plain-live'], f'living-{number}')
    beside = [measure.measure(cell, pair, bundles, build) for cell in cells]
    for number in range(living):
        measure.remove_live(floor, f'living-{number}')
    return {cell.operation: {name: {'alone': statistics.median(alone.walls(name, measure.main_step(cell))),
                                    'beside': statistics.median(crowd.walls(name, measure.main_step(cell)))} for name in pair}
            for cell, alone, crowd in zip(cells, before, beside)}


# --- the floor's own steps --------------------------------------------------------------------------------------------

def breakdown(bundles, build, runs=100):
    """[(who, step, min, p25, median)] in microseconds, of `run` in the plain configuration."""
    steps = {}
    for number in range(runs):
        floor = world.Floor('floor', build + '/floor-timing')
        said = floor.call('run', bundles['plain'], f'steps-{number}', stderr=subprocess.PIPE, text=True).stderr
        for line in said.splitlines():
            who, step, nanoseconds = line.split('|')
            steps.setdefault((who, step), []).append(int(nanoseconds) / 1000)
    return [(*step, min(values), measure.quantile(values, .25), statistics.median(values)) for step, values in steps.items()]
