#!/usr/bin/python3
"""Which test proves what of the runtime-spec, and where it has run: tests/spec-coverage.tsv against the sources.

usage: spec-coverage.py                    check the table                   (make check)
       spec-coverage.py DOCS RESULTS...    check it, then write DOCS/spec-coverage.{tsv,md}   (make spec-coverage)

RESULTS are files that tests/summary.sh keeps, PLACE.tsv each: `program:suite/test pass|fail|skip detail commit day`
between tabs.  Not every place is run each day: DOCS/spec-coverage.tsv keeps the last result of every test at every
place.  That the table has every property is asked twice: by the unit test spec_coverage of the program's own tables,
and here of the runtime-spec's JSON schemas where they are ($SPEC_SCHEMA_DIR, or ../shared/data/runtime-spec-schema).
"""
import collections, glob, json, os, re, sys

TESTS = os.path.dirname(os.path.realpath(__file__))
TREE = os.path.dirname(TESTS)
TABLE = 'tests/spec-coverage.tsv'
SCHEMAS = os.environ.get('SPEC_SCHEMA_DIR', TREE + '/../shared/data/runtime-spec-schema')
PREFIXES = {'config-schema.json': '', 'features-schema.json': 'features:', 'state-schema.json': 'state:'}
PLACES = {'native': 'native, hybrid v1', 'bare': 'guest v2, bare', 'systemd': 'guest v2, systemd',
          'selinux': 'guest v2, SELinux', 'hardware': 'guest v2, NUMA and RDMA', 'hybrid': 'guest v1, systemd',
          'rootless': 'rootless'}
# What needs no test of ours: another kind of machine is meant.
EXCUSES = ('hardware: ', 'platform: ')

Row = collections.namedtuple('Row', 'line property files tests note')


def read_table():
    rows = []
    for number, line in enumerate(open(f'{TREE}/{TABLE}'), 1):
        if not line.startswith('#'):
            property, files, tests, note = (line.rstrip('\n').split('\t') + [''])[:4]
            rows.append(Row(number, property, files, [] if tests == 'none' else tests.split(), note))
    return rows


def tests_of_the_sources():
    """All PROGRAM:SUITE/TEST."""
    for path in glob.glob(f'{TESTS}/unit/*.c') + glob.glob(f'{TESTS}/integration/*.c'):
        program = os.path.basename(path)[:-2]
        for suite, test in re.findall(r'^(?:Scenario|Test)\(\s*(\w+),\s*(\w+)', open(path).read(), re.M):
            yield f'{program}:{suite}/{test}'


class Schemas:
    """The properties of the JSON schemas: `linux.namespaces[].type`, `linux.netDevices{}.name`."""

    def __init__(self):
        self.files = {}
        self.found = {}

    def load(self, file):
        if file not in self.files:
            path = f'{SCHEMAS}/{file}'
            # Of other platforms the schemas may be left out.
            self.files[file] = json.load(open(path)) if os.path.exists(path) else {}
        return self.files[file]

    def resolve(self, reference, file):
        other, _, pointer = reference.partition('#')
        schema = self.load(other or file)
        for name in pointer.strip('/').split('/'):
            schema = schema.get(name, {})
        return schema, other or file

    def parts(self, schema, file):
        """The schema, what it refers to, and the parts of its combinations: all apply."""
        yield schema, file
        if '$ref' in schema:
            yield from self.parts(*self.resolve(schema['$ref'], file))
        for combination in ('allOf', 'anyOf'):
            for item in schema.get(combination, ()):
                yield from self.parts(item, file)

    def walk(self, schema, file, path):
        for part, file_of_part in list(self.parts(schema, file)):
            for key, value in part.get('properties', {}).items():
                dot = '.' if path and not path.endswith(':') else ''
                self.found[path + dot + key] = True
                self.walk(value, file_of_part, path + dot + key)
            if 'items' in part:
                self.walk(part['items'], file_of_part, path + '[]')
            if isinstance(part.get('additionalProperties'), dict):
                self.walk(part['additionalProperties'], file_of_part, path + '{}')

    def properties(self):
        for file, prefix in PREFIXES.items():
            self.walk(self.load(file), file, prefix)
        return list(self.found)


def check(rows):
    """What is wrong with the table, a line each."""
    tests = set(tests_of_the_sources())
    properties = [row.property for row in rows]
    ignored = tuple(f'{row.property}.' for row in rows if row.files.startswith('ignored: '))
    for row in rows:
        place = f'{TABLE}:{row.line}: {row.property}'
        for test in row.tests + re.findall(r'\b\w+:\w+/\w+', row.note):
            if test not in tests:
                yield f'{place}: no such test: {test}'
        for file in row.files.split(', ') if not row.files.startswith('ignored: ') else ():
            if not os.path.exists(f'{TREE}/{file}'):
                yield f'{place}: no such file: {file}'
        if not row.tests and not row.note:
            yield f'{place}: neither a test nor a reason why there is none'
    for property, count in collections.Counter(properties).items():
        if count > 1:
            yield f'{TABLE}: {property} has {count} rows'
    if os.path.isdir(SCHEMAS):
        for property in Schemas().properties():
            if property not in properties and not property.startswith(ignored):
                yield f'{TABLE}: {property} of the schemas has no row'


def read_results(kept, files):
    """{place: {test: (result, detail, commit, day)}}, the last of a test counts."""
    results = {place: {} for place in PLACES}
    for file in [kept, *files]:
        for line in open(file) if os.path.exists(file) else ():
            fields = line.rstrip('\n').split('\t')
            place = fields.pop(0) if file == kept else os.path.basename(file)[:-4]
            # These give themselves an ordinary user, whoever runs them.
            place = 'rootless' if fields[0].startswith('rootless:') else place
            results[place][fields[0]] = tuple(fields[1:])
    return results


def cell(results, row, place):
    """What came of a row's tests at a place: the worst of those that ran there."""
    found = {results[place][test][0] for test in row.tests if test in results[place]}
    return next((result for result in ('fail', 'pass', 'skip') if result in found), '·')


def result_of(cells, row):
    if row.note.startswith(EXCUSES) or row.files.startswith('ignored: '):
        return row.note.split(':')[0] if not row.tests else 'ignored'
    if not row.tests:
        return '**untested**'
    return '**fail**' if 'fail' in cells else 'pass' if 'pass' in cells else '**not run**'


def print_runs(results, file):
    print('| place | tests of this table | pass | skip | fail | last runs |\n|---|---|---|---|---|---|', file=file)
    for place, name in PLACES.items():
        count = collections.Counter(result for result, *_ in results[place].values())
        runs = sorted({(day, commit) for _, _, commit, day in results[place].values()})[-3:]
        print(f'| {name} | {sum(count.values())} | {count["pass"]} | {count["skip"]} | {count["fail"]} |',
              ', '.join(f'{day} ({commit})' for day, commit in runs), '|', file=file)


def print_rows(rows, results, file):
    print('| property | implemented in | tested by |', ' | '.join(PLACES.values()), '| result |\n' +
          '|---' * (4 + len(PLACES)) + '|', file=file)
    for row in rows:
        cells = [cell(results, row, place) for place in PLACES]
        tested = '<br>'.join(row.tests) or 'none'
        print('|', row.property, '|', row.files, '|', tested + (f' ({row.note})' if row.note else ''), '|',
              ' | '.join(cells), '|', result_of(cells, row), '|', file=file)


def print_skips(rows, results, file):
    """Why a test did not run at a place, as it said itself."""
    skips = collections.defaultdict(list)
    for place in PLACES:
        for test, (result, detail, *_) in results[place].items():
            if result == 'skip':
                skips[(PLACES[place], detail)].append(test)
    print('| place | why | tests |\n|---|---|---|', file=file)
    for (place, why), tests in skips.items():
        print(f'| {place} | {why} |', ', '.join(tests), '|', file=file)


def write(rows, docs, files):
    kept = f'{docs}/spec-coverage.tsv'
    results = read_results(kept, files)
    named = {test for row in rows for test in row.tests}
    for place in PLACES:
        results[place] = {test: result for test, result in sorted(results[place].items()) if test in named}
    with open(kept, 'w') as file:
        for place in PLACES:
            for test, result in results[place].items():
                print(place, test, *result, sep='\t', file=file)
    untested = [row for row in rows if result_of((), row) == '**untested**']
    with open(f'{docs}/spec-coverage.md', 'w') as file:
        print('# What of the runtime specification is proved, and where\n\nWritten by `make spec-coverage` from',
              f'`{TABLE}` and the last\nresults of the tests: do not edit. A test is `PROGRAM:SUITE/TEST` of tests/unit or',
              'tests/integration; it reads\nback what the kernel did. `·`: not run there; skip: something is missing there,',
              f'see the end.\n\n{len(rows)} rows, {len(untested)} of them untested.\n', file=file)
        print_runs(results, file)
        print('\n## Properties\n', file=file)
        print_rows(rows, results, file)
        print('\n## Skipped\n', file=file)
        print_skips(rows, results, file)


def main():
    rows = read_table()
    wrong = list(check(rows))
    print(*wrong, sep='\n', end='\n' if wrong else '', file=sys.stderr)
    if not wrong and len(sys.argv) > 1:
        write(rows, sys.argv[1], sys.argv[2:])
    sys.exit(1 if wrong else 0)


main()
