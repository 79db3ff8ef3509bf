"""Do all do the same work?  The probe of tests/probe in every configuration, under the floor and under every runtime.

What a process finds under a runtime and under the floor is compared line by line.  Differences that are known are in
equivalent.tsv, each with its reason; check() gives the others, of which there must be none: nobody shall be faster by doing less.
"""
import collections, os, re, stat, sys
import world

KINDS = ('cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts')

# Of those that the probe looks for: some that are allowed, and some that are not.
DEVICES = ('c', 1, 3), ('c', 1, 9), ('c', 5, 2), ('c', 136, 77), ('c', 1, 11), ('c', 10, 200), ('c', 10, 229), ('b', 8, 250)


def namespaces_of(pid):
    return ''.join(os.readlink(f'/proc/{pid}/ns/{kind}') + '\n' for kind in KINDS)


def read_known():
    for config, entrant, difference, why in world.read_table('equivalent.tsv'):
        yield re.compile(config), re.compile(entrant), re.compile(difference), why


def what_it_sees(entrant, bundle):
    """Lines and how often; its standard files are the same for all, whatever ours are."""
    dump, complaints = world.WORK + '/dump', world.WORK + '/complaints'
    with open(dump, 'w') as out, open(complaints, 'w') as err:
        status = entrant.call('run', bundle, f'probe-{entrant.name}', stdout=out, stderr=err, check=False).returncode
    if status:
        sys.exit(f'bench: {entrant.name} run, {bundle.name}: status {status}: {world.read(complaints)}')
    return collections.Counter(world.read(dump).replace(f'probe-{entrant.name}', 'ID').splitlines())


def differences(here, floor):
    """`- line` for what only the floor's process finds, `+ line` for what only this one does."""
    return sorted([f'- {line}' for line in (floor - here).elements()] + [f'+ {line}' for line in (here - floor).elements()])


def make_bundles(probe, build):
    bundles = world.make_bundles(probe, 'probe-')
    pods = [option for option in bundles['pod'].options if option.startswith('pod=')]
    # Whether a device may be opened is seen by nodes that are there: capabilities do not let the payload make any.
    for rootfs in (world.WORK + '/probe-rootfs', bundles['overlay'].rootfs):
        world.write(rootfs + '/.probe/host', namespaces_of('self'))
        world.write(rootfs + '/.probe/joined', namespaces_of(pods[0].removeprefix('pod=')))
        os.makedirs(rootfs + '/.probe/devices', exist_ok=True)
        for kind, major, minor in DEVICES:
            path = f'{rootfs}/.probe/devices/{kind}-{major}-{minor}'
            if not os.path.exists(path):
                os.mknod(path, 0o666 | (stat.S_IFCHR if kind == 'c' else stat.S_IFBLK), os.makedev(major, minor))
    return bundles


def check(entrants, probe, build):
    """What is not known, as lines; the reasons of what is, with how often each was needed."""
    known, used, unknown = list(read_known()), collections.Counter(), []
    for name, bundle in make_bundles(probe, build).items():
        if name.endswith('-live'):
            continue
        floor = what_it_sees(entrants['floor'], bundle)
        for entrant in entrants.values():
            if not isinstance(entrant, world.Runtime):
                continue
            label = f'{entrant.name} {entrant.number}'
            for line in differences(what_it_sees(entrant, bundle), floor):
                words = name, label, line
                why = [reason for *patterns, reason in known if all(map(re.Pattern.fullmatch, patterns, words))]
                used.update([(label, why[0])] if why else [])
                unknown += [] if why else [f'{name}, {label}: {line}']
    return unknown, used
