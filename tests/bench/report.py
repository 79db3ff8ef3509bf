#!/usr/bin/python3
"""What was measured, for people: as a table, as a picture, and as the part of docs/performance.md that is between two marks.

usage: report.py RESULTS.json docs/performance.md docs/performance.svg
"""
import json, math, re, sys

BEGIN, END = '<!-- results: begin -->', '<!-- results: end -->'
# The picture's rows: cells measured in a tight loop with two CPUs.
PICTURE = [('run', 'plain', False), ('run', 'seccomp', False), ('run', 'seccomp', True), ('run', 'pod', False),
           ('run', 'overlay', False), ('create+start+delete', 'plain', False), ('exec', 'plain', False),
           ('state', 'plain', False), ('kill', 'plain', False)]
WORDS = {'plain': '', 'seccomp': ", Docker's seccomp profile", 'pod': ', namespaces of a pod', 'overlay': ', root on overlayfs'}
COLOURS = {'crun-lite': '#d9480f', 'crun': '#1971c2', 'runc': '#868e96'}


def step_of(cell):
    return 'sum' if cell['operation'] == 'create+start+delete' else cell['operation']


def title(cell):
    return f'{cell["operation"]}{WORDS[cell["config"]]}{" from a cold cache" if cell["cold"] else ""}'


def conditions(cell):
    pace = f'{cell["idle_ms"]} ms idle' if cell['idle_ms'] else 'tight loop'
    return f'{pace}, {"two CPUs" if cell["cpus"] == 2 else "one CPU"}'


def table_of(cell):
    lines = [f'{title(cell)}: {conditions(cell)}',
             f'  {"":26} {"rounds":>6} {"min us":>8} {"p25":>8} {"median":>8} {"cpu":>8}   ratio to {cell["base"]} (p25-p75)']
    for name, steps in cell['entrants'].items():
        for step, figures in steps.items():
            lines.append(f'  {name + " " + step:26} {figures["rounds"]:6} ' +
                         ' '.join(f'{figures[each]:8.0f}' for each in ('min', 'p25', 'median', 'cpu')) +
                         f'   {figures["ratio"]:5.2f} ({figures["ratio_p25"]:.2f}-{figures["ratio_p75"]:.2f})')
    return '\n'.join(lines) + '\n'


# --- the picture ------------------------------------------------------------------------------------------------------

def find(results, operation, config='plain', cold=False, idle_ms=0, cpus=2):
    wanted = {'operation': operation, 'config': config, 'cold': cold, 'idle_ms': idle_ms, 'cpus': cpus}
    return next((cell for cell in results['cells'] if wanted.items() <= cell.items()), None)


def colour(name):
    return COLOURS.get(name) or COLOURS.get(re.sub(r'-\d+$', '', name), '#495057')


def picture(results):
    """Bars from 1, the floor, on a logarithmic scale: twice as long is not twice as slow, so each says its number."""
    left, right, bar, gap, y = 350, 880, 13, 16, 50
    parts, cells = [], [cell for cell in (find(results, *row) for row in PICTURE) if cell]
    most = max(figures[step_of(cell)]['ratio'] for cell in cells for figures in cell['entrants'].values())
    scale = (right - left) / math.log(most * 1.25)
    for cell in cells:
        step, base = step_of(cell), cell['base']
        to = ', to a process start' if base == 'nothing' else ''
        names = [name for name in cell['entrants'] if name != base]
        parts.append(f'<text x="{left - 12}" y="{y + len(names) * bar / 2 + 4}" text-anchor="end">{title(cell)}{to}</text>')
        for name in names:
            ratio = cell['entrants'][name][step]['ratio']
            width = max(1.5, scale * math.log(max(ratio, 1)))
            parts.append(f'<rect x="{left}" y="{y}" width="{width:.1f}" height="{bar - 2}" fill="{colour(name)}"/>')
            parts.append(f'<text x="{left + width + 5:.1f}" y="{y + bar - 3}" class="small">{ratio:.2f} {name}</text>')
            y += bar
        y += gap
    for value in (1, 2, 5, 10, 20, 50):
        x = left + scale * math.log(value)
        if x < right:
            parts.insert(0, f'<path d="M{x:.1f} 34V{y}" class="line"/>'
                            f'<text x="{x:.1f}" y="30" text-anchor="middle" class="small">{value}</text>')
    return f'''<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 {y + 12}" font-family="sans-serif" font-size="13">
<style>text {{ fill: #212529 }} .small {{ font-size: 11px }} .line {{ stroke: #adb5bd; stroke-width: 1 }} .back {{ fill: #ffffff }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #e9ecef }} .line {{ stroke: #495057 }} .back {{ fill: #16191d }} }}</style>
<rect class="back" width="960" height="{y + 12}"/>
<text x="{left - 12}" y="30" text-anchor="end">times the floor (1), logarithmic:</text>
{chr(10).join(parts)}
</svg>
'''


# --- docs/performance.md ----------------------------------------------------------------------------------------------

def markdown_table(heads, rows):
    lines = ['| ' + ' | '.join(heads) + ' |', '|' + '---|' * len(heads)]
    return '\n'.join(lines + ['| ' + ' | '.join(map(str, row)) + ' |' for row in rows]) + '\n'


def with_spread(figures):
    return f'{figures["ratio"]:.2f} ({figures["ratio_p25"]:.2f}-{figures["ratio_p75"]:.2f})'


def names_of(results):
    return list(results['entrants'])


def cpu_rows(results, cells):
    """Ratios of medians: CPU time is not measured so finely that each round would have its own."""
    for cell in cells:
        step = step_of(cell)
        base = cell['entrants'][cell['base']][step]['cpu']
        yield [title(cell), f'{base:.0f} us',
               *(f'{cell["entrants"][name][step]["cpu"] / base:.2f}' if name in cell['entrants'] else '-'
                 for name in names_of(results))]


def ratio_rows(results, cells):
    for cell in cells:
        step = step_of(cell)
        base = cell['entrants'][cell['base']][step]
        yield [title(cell), f'{base["median"]:.0f} us' + (' (a process)' if cell['base'] == 'nothing' else ''),
               *(with_spread(cell['entrants'][name][step]) if name in cell['entrants'] else '-' for name in names_of(results))]


def target_rows(results):
    """What is aimed at, what was measured, and whether that is met."""
    def row(what, aim, shown, met):
        return [what, aim, shown, 'met' if met else '**missed**']

    cold, warm = ('run', 'seccomp', True), ('run', 'seccomp', False)
    for text, limit, cells, peer in (
            ('run', 1.25, [('run',)], 2), ('create + start + delete', 1.4, [('create+start+delete',)], 3),
            ('run with seccomp, the worse of a cold and a warm cache', 1.3, [cold, warm], 3), ('exec', 1.3, [('exec',)], 2),
            ('state', 1.1, [('state',)], 3), ('kill', 1.1, [('kill',)], 3)):
        measured = [find(results, *cell) for cell in cells]
        ours = max(cell['entrants']['crun-lite'][step_of(cell)]['ratio'] for cell in measured)
        base = 'a process start' if measured[0]['base'] == 'nothing' else 'the floor'
        yield row(f'{text}, to {base}', f'<= {limit}', f'{ours:.2f}', ours <= limit)
        peers = [cell['peer_ratio'] for cell in measured if cell['peer_ratio']]
        if peers:
            yield row(f'{text}, best crun to ours', f'>= {peer}', f'{min(peers):.2f}', min(peers) >= peer)
    listed, counts = results['list'], results['counts']
    each = (listed['us']['crun-lite'] - listed['us']['nothing']) / listed['total']
    yield row(f'list of {listed["total"]}, each', '<= 25 us', f'{each:.1f} us', each <= 25)
    ours, floor = counts['crun-lite'], counts['floor']
    for what, value, limit in (
            ('peak memory of run (VmHWM), KiB', ours['run']['kib'], 600),
            ('private memory of a waiting init, KiB', ours['create']['waiting_kib'], 200),
            ('binary, stripped, KiB', results['entrants']['crun-lite']['size'] // 1024, 400),
            ('system calls of run', ours['run']['syscalls'], int(1.4 * floor['run']['syscalls'])),
            ("programs executed by run, the payload's included", ours['run']['execs'], 2)):
        yield row(what, f'<= {limit}', value, value <= limit)
    for what, values in flat_values(results):
        # The floor's own says how much of it is the kernel's, or the machine's; the target is ours all the same.
        ours = values['crun-lite']
        yield row(what, '<= 1.10', f'{ours:.2f} (the floor: {values["floor"]:.2f})', ours <= 1.1)


def flat_values(results):
    few, many = results['flat']['floor']
    yield f'a container of {many} to one of {few}', {name: times[many] / times[few] for name, times in results['flat'].items()}
    for operation, both in results['beside'].items():
        yield (f'{operation} beside 500 living containers to it alone',
               {name: times['beside'] / times['alone'] for name, times in both.items()})


def count_rows(results):
    for name, counts in results['counts'].items():
        entrant = results['entrants'].get(name)
        yield [name, f'{entrant["linked"]}, {entrant["size"] // 1024} KiB' if entrant else '-',
               *(counts['run'][each] for each in ('syscalls', 'execs', 'processes', 'kib')), counts['run with seccomp']['kib'],
               counts['create']['waiting_kib'], *(counts[each]['syscalls'] if each in counts else '-'
                                                  for each in ('create', 'start', 'exec', 'state', 'kill', 'delete'))]


def markdown(results):
    machine, names = results['machine'], names_of(results)
    tight = [cell for cell in results['cells'] if not cell['idle_ms'] and cell['cpus'] == 2]
    parts = [
        f'Measured on {machine["day"]} with {machine["cpus"]} CPUs ({machine["cpu"]}), Linux {machine["kernel"]}; load average '
        f'{machine["load_begin"]} at the begin, {machine["load_end"]} in the end.\n',
        markdown_table(['', 'version', 'linked', 'stripped', 'remark'],
                       [[name, entrant['version'], entrant['linked'], f'{entrant["size"] // 1024} KiB', entrant['remark']]
                        for name, entrant in results['entrants'].items()]),
        '### Targets\n', markdown_table(['', 'target', 'measured', ''], target_rows(results)),
        '### Ratios to the floor\n',
        'Medians of pairwise ratios, with the quartiles. In a tight loop on two CPUs:\n',
        markdown_table(['', 'floor', *names], ratio_rows(results, tight))]
    for idle, cpus in ((50, 2), (0, 1), (50, 1)):
        cells = [cell for cell in results['cells'] if (cell['idle_ms'], cell['cpus']) == (idle, cpus)]
        if cells:
            parts += [f'{"With" if idle else "In a"} {conditions(cells[0])}:\n', markdown_table(['', 'floor', *names], ratio_rows(results, cells))]
    parts += ['CPU time of all processes, user and system (tight loop, two CPUs):\n',
              markdown_table(['', 'floor', *names], cpu_rows(results, tight))]
    steps = find(results, 'create+start+delete')
    parts += ['create, start and delete by themselves (tight loop, two CPUs):\n',
              markdown_table(['', 'floor', *names],
                             [[step, f'{steps["entrants"]["floor"][step]["median"]:.0f} us',
                               *(with_spread(steps['entrants'][name][step]) for name in names)] for step in ('create', 'start', 'delete')])]
    if results['hybrid']:
        parts += ['### On a hybrid host\n', 'cgroup v1 and v2 side by side, where the floor does not run: ratios to crun-lite.\n',
                  markdown_table(['', 'crun-lite', *(name for name in names if name != 'crun-lite')],
                                 [[f'{title(cell)}, {conditions(cell)}', f'{cell["entrants"]["crun-lite"][step_of(cell)]["median"]:.0f} us',
                                   *(with_spread(cell['entrants'][name][step_of(cell)]) if name in cell['entrants'] else 'does not run'
                                     for name in names if name != 'crun-lite')] for cell in results['hybrid']])]
    listed = results['list']
    parts += ['### What does not drift\n',
              'Of one `run`: system calls of all its processes, programs executed (of the command itself and of the payload), processes, '
              'and the most memory (VmHWM) of one process in KiB; then the private memory of the init of a created container; '
              'then the system calls of other commands.\n',
              markdown_table(['', 'binary', 'calls', 'execs', 'processes', 'KiB', 'with seccomp', 'waiting', 'create', 'start', 'exec',
                              'state', 'kill', 'delete'], count_rows(results)),
              '### Many containers\n',
              markdown_table(['us a container', *results['flat']], [
                  [f'{total} at once', *(f'{times[total]:.0f}' for times in results['flat'].values())]
                  for total in results['flat']['floor']]),
              markdown_table([f'list of {listed["total"]}', 'ms', 'us each'],
                             [[name, f'{us / 1000:.1f}', f'{(us - listed["us"]["nothing"]) / listed["total"]:.1f}']
                              for name, us in listed['us'].items() if name != 'nothing']),
              '### Where the floor spends its time\n',
              'Microseconds of `floor run`; P is the parent, C the child, X a stretch of both.\n',
              markdown_table(['', 'step', 'min', 'p25', 'median'],
                             [[who, step, *(f'{value:.0f}' for value in values)] for who, step, *values in results['steps']])]
    return '\n'.join(parts)


def put_between_marks(text, new):
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f'{text[:begin]}\n{new}{text[end:]}'


def main():
    results_path, page, svg = sys.argv[1:]
    with open(results_path) as file:
        results = json.load(file)
    with open(page) as file:
        text = file.read()
    with open(page, 'w') as file:
        file.write(put_between_marks(text, markdown(results)))
    with open(svg, 'w') as file:
        file.write(picture(results))


if __name__ == '__main__':
    main()
