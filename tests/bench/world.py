"""Where the bench runs, what it runs, and for whom: one view, bundles, entrants.

enter() starts the bench again in namespaces of its own, below a cgroup of its own, and removes that cgroup in the end.
"""
import contextlib, copy, ctypes, json, os, re, shutil, signal, subprocess, sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE + '/../probe')
import configs, filter

NEW_CGROUP, PARENT_DEATH_SIGNAL = 0x02000000, 1
WORK = '/run/bench'
PROFILE = HERE + '/../probe/configs/seccomp-3.json'    # what Docker writes
INSIDE = 'CRUN_LITE_BENCH_VIEW'


def write(path, text, mode=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb' if isinstance(text, bytes) else 'w') as file:
        file.write(text)
    if mode:
        os.chmod(path, mode)


def read(path):
    with open(path) as file:
        return file.read()


# --- the view ---------------------------------------------------------------------------------------------------------

def cgroup2_mount():
    for line in open('/proc/self/mountinfo'):
        words = line.split()
        if words[words.index('-') + 1] == 'cgroup2':
            return words[4]
    sys.exit('bench: there is no cgroup v2 here')


def remove_cgroups(top):
    for folder, _, _ in os.walk(top, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def remove_stale(parent):
    """Of benches that were killed."""
    for name in os.listdir(parent):
        match = re.fullmatch(r'crun-lite-bench-(\d+)', name)
        if match and not os.path.exists(f'/proc/{match[1]}'):
            remove_cgroups(f'{parent}/{name}')


def enter():
    """Run this program again inside, and exit with its status.

    Its cgroup is the root of a cgroup namespace: what a runtime makes at the top of the hierarchy is made below it.  All
    containers live in a PID namespace that ends with the bench, whatever ends that.
    """
    parent = cgroup2_mount()
    remove_stale(parent)
    cgroup = f'{parent}/crun-lite-bench-{os.getpid()}'
    libc = ctypes.CDLL(None, use_errno=True)

    def join():
        libc.prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        write(f'{cgroup}/cgroup.procs', '0')
        if libc.unshare(NEW_CGROUP):
            os._exit(1)
        write(f'{cgroup}/bench/cgroup.procs', '0')

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    inside = None
    os.makedirs(f'{cgroup}/bench')
    try:
        # A shell is the first process: it reaps whoever is left to it.
        inside = subprocess.Popen(
            ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private',
             'sh', '-c', '"$@"; exit $?', 'sh', sys.executable, *sys.argv], preexec_fn=join, env={**os.environ, INSIDE: 'v2'})
        return inside.wait()
    finally:
        if inside and inside.poll() is None:
            inside.kill()
            inside.wait()
        for _ in range(50):
            remove_cgroups(cgroup)
            if not os.path.exists(cgroup):
                break
            subprocess.run(['sleep', '0.1'])


def set_up_view():
    """cgroup v2 alone at /sys/fs/cgroup, every controller given on; an empty /run, for the state of all."""
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


def base_config():
    """tests/probe's: what `runc spec` writes, the root writable.  The cgroup is where each runtime puts it by itself."""
    config = copy.deepcopy(configs.BASE)
    config['hostname'] = 'bench'
    del config['linux']['cgroupsPath']
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
        subprocess.run(['sleep', '0.01'])
    return [f'pod={holder.pid}', f'volumes={WORK}/volumes']


def overlay(config):
    return []


def mount_overlay(lower):
    """The root file system that containerd and Docker hand over."""
    for name in ('upper', 'work', 'merged'):
        os.makedirs(f'{WORK}/overlay/{name}', exist_ok=True)
    layers = f'lowerdir={lower},upperdir={WORK}/overlay/upper,workdir={WORK}/overlay/work'
    subprocess.run(['mount', '-t', 'overlay', 'overlay', '-o', layers, WORK + '/overlay/merged'], check=True)
    return WORK + '/overlay/merged'


CONFIGS = (plain, seccomp, pod, overlay)


def make_bundles(payload, prefix='', names=None):
    """{name: Bundle}, each also as NAME-live, whose process waits to be killed."""
    rootfs, bundles = f'{WORK}/{prefix}rootfs', {}
    make_root(rootfs, payload)
    for change in CONFIGS:
        name = change.__name__
        if names and name not in names:
            continue
        config = base_config()
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


def may_raise_limits():
    """CAP_SYS_RESOURCE."""
    return int(re.search(r'CapEff:\s*(\w+)', read('/proc/self/status'))[1], 16) >> 24 & 1


def find_entrants(build):
    """{name: Entrant} and what there is to say about them."""
    entrants = {'nothing': Nothing('nothing', build + '/true'), 'floor': Floor('floor', build + '/floor')}
    entrants['crun-lite'] = Runtime('crun-lite', os.environ['CRUN_LITE'])
    remarks = []
    for kind, every in (('crun', 1), ('runc', 4)):
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
