"""Where the bench runs, what it runs, and for whom: one view, bundles, entrants.

enter() starts the bench again in namespaces of its own, below a cgroup of its own, and removes that cgroup in the end.
"""
import contextlib, copy, ctypes, json, os, re, shutil, signal, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE + '/../probe')
import configs, filter

NEW_CGROUP, PARENT_DEATH_SIGNAL = 0x02000000, 1
WORK = '/run/bench'
PROFILE = HERE + '/../probe/configs/seccomp-3.json'    # what Docker writes
# For the bench inside: its view, its cgroup, and what was found in the hybrid view (there: the file to write it to).
VIEW, CGROUP, HYBRID_RESULTS = 'CRUN_LITE_BENCH_VIEW', 'CRUN_LITE_BENCH_CGROUP', 'CRUN_LITE_BENCH_HYBRID'


def write(path, text, mode=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb' if isinstance(text, bytes) else 'w') as file:
        file.write(text)
    if mode:
        os.chmod(path, mode)


def read(path):
    with open(path) as file:
        return file.read()


def read_table(name):
    """The lines of a table beside this file, as lists of words; # begins a remark."""
    lines = read(f'{HERE}/{name}').splitlines()
    return [line.split('\t') for line in lines if line and not line.startswith('#')]


# --- the view ---------------------------------------------------------------------------------------------------------

def cgroup_mounts():
    """[(kind, place)] of all hierarchies."""
    for line in open('/proc/self/mountinfo'):
        words = line.split()
        kind = words[words.index('-') + 1]
        if kind in ('cgroup', 'cgroup2'):
            yield kind, words[4]


def cgroup2_mount():
    return next((place for kind, place in cgroup_mounts() if kind == 'cgroup2'), None)


def remove_cgroups(name):
    """In every hierarchy, with all below.  False if something is left."""
    tops = [f'{place}/{name}' for _, place in cgroup_mounts()]
    for top in tops:
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
    return not any(map(os.path.exists, tops))


def remove_all_cgroups(name):
    """Once the last process has gone: the kernel takes a moment."""
    for _ in range(100):
        if remove_cgroups(name):
            break
        time.sleep(0.1)


def remove_stale():
    """Of benches that were killed."""
    for _, place in cgroup_mounts():
        for name in os.listdir(place):
            match = re.fullmatch(r'crun-lite-bench-(\d+)', name)
            if match and not os.path.exists(f'/proc/{match[1]}'):
                remove_cgroups(name)


def join_namespace(cgroup):
    """In the child that will be the bench: its cgroup becomes the root of a cgroup namespace, and it ends with its parent."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    write(f'{cgroup}/cgroup.procs', '0')
    if libc.unshare(NEW_CGROUP):
        os._exit(1)
    # Where controllers are given on, there must be no process.
    write(f'{cgroup}/bench/cgroup.procs', '0')


def run_inside(view, name, results):
    """This program again, in namespaces whose end is the end of all that was started.  Returns its status."""
    cgroup, inside = f'{cgroup2_mount()}/{name}', None
    # A shell is the first process: it reaps whoever is left to it.
    words = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private',
             'sh', '-c', '"$@"; exit $?', 'sh', sys.executable, *sys.argv]
    try:
        os.makedirs(f'{cgroup}/bench')
        inside = subprocess.Popen(words, preexec_fn=(lambda: join_namespace(cgroup)) if view == 'v2' else None,
                                  env={**os.environ, VIEW: view, CGROUP: '/' + name, HYBRID_RESULTS: results})
        return inside.wait()
    finally:
        if inside and inside.poll() is None:
            inside.kill()
            inside.wait()
        remove_all_cgroups(name)


def enter(hybrid):
    """Run this program again inside, and return its status: with `hybrid` first in the host's own view, if that is not v2 alone.

    Its cgroup is the root of a cgroup namespace: what a runtime makes at the top of the hierarchy is made below it.  All
    containers live in a PID namespace that ends with the bench, whatever ends that.
    """
    remove_stale()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    name = f'crun-lite-bench-{os.getpid()}'
    with tempfile.NamedTemporaryFile('w+') as results:
        status = 0
        if hybrid and any(kind == 'cgroup' for kind, _ in cgroup_mounts()):
            status = run_inside('hybrid', name, results.name)
        return status or run_inside('v2', name, read(results.name))


def set_up_view(view):
    """cgroup v2 alone at /sys/fs/cgroup, every controller given on; an empty /run, for the state of all.  `hybrid`: the latter."""
    if view == 'v2':
        subprocess.run(['umount', '--recursive', '--lazy', '/sys/fs/cgroup'], stderr=subprocess.DEVNULL)
        subprocess.run(['mount', '-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup'], check=True)
        for name in read('/sys/fs/cgroup/cgroup.controllers').split():
            with contextlib.suppress(OSError):
                write('/sys/fs/cgroup/cgroup.subtree_control', '+' + name)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run'], check=True)
    os.mkdir(WORK)


# --- bundles ----------------------------------------------------------------------------------------------------------

class Bundle:
    """A folder with a root and a config.json, and the floor's words for the same."""

    def __init__(self, name, config, options=(), payload='true', rootfs=None):
        self.name, self.folder = name, f'{WORK}/bundles/{name}'
        self.rootfs, self.options = rootfs or self.folder + '/rootfs', list(options)
        if payload != 'true':
            self.options.append(f'program=/bin/{payload}')
        config['process']['args'] = [f'/bin/{payload}']
        config['root']['path'] = self.rootfs
        write(self.folder + '/config.json', json.dumps(config, indent=1))


def base_config(cgroup):
    """tests/probe's: what `runc spec` writes, the root writable.  Without `cgroup` it is where each runtime puts it by itself."""
    config = copy.deepcopy(configs.BASE)
    config['hostname'] = 'bench'
    config['process']['env'].append('HOME=/root')
    del config['linux']['cgroupsPath']
    if cgroup:
        config['linux']['cgroupsPath'] = cgroup
    return config


def make_root(rootfs, payload):
    for name in ('bin', 'dev', 'proc', 'sys', 'tmp', 'var/log/pod', 'run/secrets'):
        os.makedirs(f'{rootfs}/{name}', exist_ok=True)
    for name in ('passwd', 'group', 'hosts', 'hostname', 'resolv.conf'):
        write(f'{rootfs}/etc/{name}', 'root:x:0:0:root:/root:/bin/sh\n')
    for name in ('true', 'pause'):
        shutil.copy(payload, f'{rootfs}/bin/{name}')


def plain(config):
    return []


def seccomp(config):
    """Docker's default profile."""
    profile = json.loads(read(PROFILE))
    config['linux']['seccomp'] = profile
    write(WORK + '/filter', filter.compile_profile(profile))
    return [f'filter={WORK}/filter']


def pod(config):
    """As a kubelet's: namespaces of a pod by their paths, and files of the pod mounted."""
    holder = subprocess.Popen(['unshare', '--net', '--ipc', '--uts', 'sh', '-c', 'ip link set lo up; exec sleep infinity'])
    paths = {'network': 'net', 'ipc': 'ipc', 'uts': 'uts'}
    del config['hostname']
    for namespace in config['linux']['namespaces']:
        if namespace['type'] in paths:
            namespace['path'] = f'/proc/{holder.pid}/ns/{paths[namespace["type"]]}'
    for name in ('hosts', 'hostname', 'resolv.conf'):
        write(f'{WORK}/volumes/{name}', 'content\n')
        config['mounts'].append(configs.bind(f'/etc/{name}', f'{WORK}/volumes/{name}', 'rprivate', 'rw'))
        config['mounts'][-1]['options'][0] = 'rbind'
    for name, place in (('log', '/var/log/pod'), ('secret', '/run/secrets')):
        os.makedirs(f'{WORK}/volumes/{name}', exist_ok=True)
        config['mounts'].append(configs.bind(place, f'{WORK}/volumes/{name}', 'rprivate', 'rw'))
        config['mounts'][-1]['options'][0] = 'rbind'
    while os.readlink(f'/proc/{holder.pid}/ns/uts') == os.readlink('/proc/self/ns/uts'):
        time.sleep(0.01)
    return [f'pod={holder.pid}', f'volumes={WORK}/volumes']


def overlay(config):
    return []


def mount_overlay(lower):
    """The root file system that containerd and Docker hand over."""
    place = f'{WORK}/overlay-of-{os.path.basename(lower)}'
    for name in ('upper', 'work', 'merged'):
        os.makedirs(f'{place}/{name}', exist_ok=True)
    layers = f'lowerdir={lower},upperdir={place}/upper,workdir={place}/work'
    subprocess.run(['mount', '-t', 'overlay', 'overlay', '-o', layers, place + '/merged'], check=True)
    return place + '/merged'


CONFIGS = (plain, seccomp, pod, overlay)


def make_bundles(payload, prefix='', names=None, cgroup=None):
    """{name: Bundle}, each also as NAME-live, whose process waits to be killed."""
    rootfs, bundles = f'{WORK}/{prefix}rootfs', {}
    make_root(rootfs, payload)
    for change in CONFIGS:
        name = change.__name__
        if names and name not in names:
            continue
        config = base_config(cgroup)
        options = change(config)
        root = mount_overlay(rootfs) if change is overlay else rootfs
        bundles[name] = Bundle(prefix + name, config, options, 'true', root)
        bundles[name + '-live'] = Bundle(prefix + name + '-live', config, options, 'pause', root)
    return bundles


# --- entrants ---------------------------------------------------------------------------------------------------------

class Entrant:
    """Who is measured: `words` gives the command line of an operation."""
    every = 1

    def __init__(self, name, program):
        self.name, self.program = name, program

    def call(self, operation, bundle=None, id=None, **more):
        words = ['env', *self.words(operation, bundle, id)]
        return subprocess.run(words, stdin=subprocess.DEVNULL, **{'stdout': subprocess.DEVNULL, 'check': True, **more})


class Nothing(Entrant):
    """A process that starts and ends."""

    def words(self, operation, bundle=None, id=None, cold=False):
        return [self.program]


class Floor(Entrant):
    def words(self, operation, bundle=None, id=None, cold=False):
        if operation in ('run', 'create'):
            return [self.program, operation, bundle.rootfs, id, *bundle.options]
        options = [option for option in bundle.options if option.startswith('filter=')] if operation == 'exec' else []
        return [self.program, operation, id, *options]

    def pid(self, id):
        return json.loads(read(f'/run/floor/{id}/state.json'))['pid']


class Runtime(Entrant):
    """A runtime with runc's command line."""

    def __init__(self, name, program, every=1, environment=()):
        super().__init__(name, program)
        self.every, self.environment = every, list(environment)
        said = subprocess.run([program, '--version'], capture_output=True, text=True).stdout
        self.version = said.splitlines()[0] if said else '?'
        self.number = re.search(r'[0-9][0-9.]*[0-9]', self.version + ' 0.0')[0]

    def words(self, operation, bundle=None, id=None, cold=False):
        # A state root of its own is what a runtime finds after a boot: no caches.
        words = [*self.environment, self.program, '--root', f'{WORK}/roots/{self.name}' + ('-{}' if cold else ''), operation]
        if operation in ('run', 'create'):
            words += ['--bundle', bundle.folder]
        return words + [id] * (operation != 'list') + {'exec': ['/bin/true'], 'kill': ['CONT']}.get(operation, [])

    def pid(self, id):
        return json.loads(self.call('state', id=id, stdout=subprocess.PIPE).stdout)['pid']


def file_facts(program):
    """How a program is linked, and its size when stripped."""
    said = subprocess.run(['readelf', '--program-headers', program], capture_output=True, text=True).stdout
    stripped = WORK + '/stripped'
    subprocess.run(['strip', '-o', stripped, program], check=True)
    size = os.path.getsize(stripped)
    os.unlink(stripped)
    return ('dynamic' if 'INTERP' in said else 'static'), size


def can_run(entrant, bundle):
    """Whether a runtime can live in this view; what it says is shown if not."""
    said = subprocess.run(['env', *entrant.words('run', bundle, 'try')], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if said.returncode:
        print(f'{entrant.name} is left out here: {said.stderr.strip().splitlines()[-1:]}')
    return said.returncode == 0


def may_raise_limits():
    """CAP_SYS_RESOURCE."""
    return int(re.search(r'CapEff:\s*(\w+)', read('/proc/self/status'))[1], 16) >> 24 & 1


def find_entrants(build):
    """{name: Entrant} and what there is to say about them."""
    entrants = {'nothing': Nothing('nothing', build + '/true'), 'floor': Floor('floor', build + '/floor')}
    entrants['crun-lite'] = Runtime('crun-lite', os.path.abspath(os.environ['CRUN_LITE']))
    remarks = []
    for kind, every in (('crun', 1), ('runc', 2)):
        programs = os.environ.get(kind.upper(), '').split() or [shutil.which(kind)]
        if programs == [None]:
            remarks.append(f'{kind} is not installed: it is left out ({kind.upper()}=PROGRAM for one elsewhere)')
            continue
        for number, program in enumerate(programs):
            name = kind if number == 0 else f'{kind}-{number + 1}'
            environment = []
            if kind == 'crun' and not may_raise_limits() and file_facts(program)[0] == 'dynamic':
                environment = [f'LD_PRELOAD={build}/memlock.so']
                remarks.append(f'{name}: with {build}/memlock.so preloaded, for we have no CAP_SYS_RESOURCE')
            entrants[name] = Runtime(name, program, every, environment)
    return entrants, remarks
