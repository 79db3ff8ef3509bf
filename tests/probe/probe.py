#!/usr/bin/python3
"""Run the probe in every configuration under every runtime, and compare: see run.sh.

usage: probe.py PROBE BUSYBOX FOLDER NAME=PROGRAM...     FOLDER: empty, for what the containers need
"""
import array, collections, json, os, re, shutil, socket, subprocess, sys, time

sys.dont_write_bytecode = True
import configs

HERE = os.path.dirname(os.path.realpath(__file__))
ID = 'crun-lite-probe'
SECONDS = 120
NAMESPACES = {'network': 'net', 'ipc': 'ipc', 'uts': 'uts', 'pid': 'pid', 'cgroup': 'cgroup', 'mount': 'mnt', 'user': 'user'}
KINDS = ('cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts')
# Files of a cgroup that say what was set, v2's and v1's, not what is used.
SETTINGS = re.compile(r'memory\.(max|high|low|min|swap\.max|oom\.group|(memsw\.|soft_|kmem\.tcp\.)?limit_in_bytes|swappiness)|'
                      r'cpu\.(max|max\.burst|weight|idle|shares|cfs_\w+_us|rt_\w+_us)|cpuset\.(cpus|mems)|pids\.max|'
                      r'io\.(max|weight|bfq\.weight)|blkio\.(throttle\.\w+_device|(bfq\.)?weight)|devices\.list|'
                      r'hugetlb\..*(max|limit_in_bytes)|rdma\.max|net_cls\.classid|cgroup\.(type|freeze|subtree_control)')
HOOK = '''#!/bin/sh
{ echo "{"; echo "kind $1"; echo "cwd $(pwd)"; echo "env $(tr '\\0' ' ' </proc/$$/environ)"
for kind in mnt net pid uts; do echo "namespace $(readlink /proc/$$/ns/$kind)"; done; echo "state $(cat)"; } >>%s
'''


def write(path, text, mode=0o644):
    """A new file, whoever owned an older one."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    remove(path)
    with open(path, 'w') as file:
        file.write(text)
    os.chmod(path, mode)


def remove(path):
    if os.path.lexists(path):
        os.unlink(path)


def read(path):
    try:
        with open(path, errors='replace') as file:
            return file.read()
    except OSError:
        return ''


def namespaces_of(pid):
    return ''.join(os.readlink(f'/proc/{pid}/ns/{kind}') + '\n' for kind in KINDS)


class Host:
    """What containers find: a root file system to copy, sources of mounts, namespaces to join, a hook."""

    def __init__(self, probe, busybox, folder):
        self.folder, self.rootfs = folder, folder + '/rootfs'
        self.holder = subprocess.Popen(['unshare', '--fork', '--kill-child', '--pid', '--net', '--ipc', '--uts', 'sleep', 'infinity'])
        self.joined = self.child_of(self.holder.pid)
        self.hook_log = folder + '/hooks'
        write(folder + '/hook', HOOK % self.hook_log, 0o755)
        self.make_rootfs(probe, busybox)

    def child_of(self, pid):
        children = ''
        while not children:
            children = read(f'/proc/{pid}/task/{pid}/children')
        return int(children)

    def make_rootfs(self, probe, busybox):
        inside = self.rootfs + '/.probe/'
        write(inside + 'host', namespaces_of('self'))
        write(inside + 'joined', namespaces_of(self.joined))
        write(inside + 'hook', HOOK % '/.probe/hooks', 0o755)
        shutil.copy(probe, inside + 'probe')
        for name in ('bin', 'dev', 'etc', 'proc', 'root', 'run', 'sys', 'tmp', 'target', 'hidden', 'closed'):
            os.makedirs(f'{self.rootfs}/{name}', exist_ok=True)
        shutil.copy(busybox, self.rootfs + '/bin/busybox')
        for name in ('sh', 'cat', 'tr', 'readlink'):
            os.symlink('busybox', f'{self.rootfs}/bin/{name}')
        for name in ('etc/passwd', 'etc/group', 'hidden/file', 'hidden-file', 'closed/file', 'closed-file'):
            write(f'{self.rootfs}/{name}', 'root:x:0:0:root:/root:/bin/sh\n')
        os.symlink('/target', self.rootfs + '/link')
        os.symlink('../../..' + self.folder, self.rootfs + '/escape')

    def source(self, word, name):
        path = f'{self.folder}/{word.lower()}/{name}'
        if word == 'FILE':
            write(path, 'content\n')
            return path
        os.makedirs(path, exist_ok=True)
        if name == 'nested' and not os.path.ismount(path + '/inner'):
            os.makedirs(path + '/inner')
            subprocess.run(['mount', '-t', 'tmpfs', 'inner', path + '/inner'], check=True)
        if name == 'dev' and not os.path.exists(path + '/null'):
            for kind, minor in (('null', 3), ('zero', 5)):
                os.mknod(f'{path}/{kind}', 0o20666, os.makedev(1, minor))
        return path

    def bundle(self, config):
        """A new bundle of the configuration, its root's files belonging to the root of its user namespace."""
        def put(match):
            word, name = match[1], match[2]
            return {'CGROUP': f'/probes-of-crun-lite/{ID}', 'ID': ID, 'HOOK': self.folder + '/hook',
                    'NAMESPACE': f'/proc/{self.joined}/ns/{NAMESPACES.get(name)}'}.get(word) or self.source(word, name)

        bundle = self.folder + '/bundle'
        shutil.rmtree(bundle, ignore_errors=True)
        os.makedirs(bundle)
        subprocess.run(['cp', '-a', self.rootfs, bundle], check=True)
        mappings = config['linux'].get('uidMappings')
        if mappings:
            owner = mappings[0]['hostID']
            subprocess.run(['chown', '-h', '-R', f'{owner}:{owner}', bundle + '/rootfs'], check=True)
        text = re.sub(r'@(CGROUP|ID|HOOK|NAMESPACE|FILE|FOLDER)@(?:/([\w.-]+))?', put, json.dumps(config))
        write(bundle + '/config.json', text)
        return bundle


class Failed(Exception):
    """A command of the runtime, and its last word."""


class Runtime:
    def __init__(self, name, program, folder):
        self.name, self.program = name, program
        self.root, self.folder = f'{folder}/{name}', folder
        said = subprocess.run([program, '--version'], capture_output=True, text=True).stdout
        self.label = f'{name} {re.search(r"[0-9][0-9.]*[0-9]", said)[0]}'

    def call(self, *arguments, **options):
        return subprocess.run([self.program, '--root', self.root, *arguments], timeout=SECONDS,
                              **{'stdin': subprocess.DEVNULL, **options})

    def must(self, command, *arguments, out=subprocess.DEVNULL):
        # Some give what they have as standard input to the container's user: not the host's /dev/null.
        empty, messages = f'{self.folder}/input-of-{command}', f'{self.folder}/messages-of-{command}'
        write(empty, '')
        write(messages, '')
        with open(empty) as stdin, open(messages, 'w') as stderr:
            status = self.call(command, *arguments, stdin=stdin, stdout=out, stderr=stderr).returncode
        if status != 0:
            raise Failed(f'{command}: {read(messages).strip().splitlines()[-1:]}')

    def status(self):
        said = self.call('state', ID, capture_output=True, text=True)
        return json.loads(said.stdout)['status'] if said.returncode == 0 else 'gone'

    def wait(self):
        end = time.monotonic() + SECONDS
        while self.status() not in ('stopped', 'gone'):
            if time.monotonic() > end:
                raise Failed('start: it did not end')
            time.sleep(0.02)


def receive_terminal(listener):
    """The terminal that a runtime hands over."""
    listener.settimeout(SECONDS)
    connection, _ = listener.accept()
    descriptors = array.array('i')
    with connection:
        _, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
        descriptors.frombytes(ancillary[0][2][:4])
    return descriptors[0]


def read_terminal(terminal):
    """All that is written to it, until its other end is closed."""
    said = b''
    try:
        while data := os.read(terminal, 65536):
            said += data
    except OSError:
        pass
    os.close(terminal)
    return said.decode(errors='replace').replace('\r\n', '\n')


def cgroup_lines(pid):
    """What is set in the cgroups of a process, as the host sees it."""
    for line in read(f'/proc/{pid}/cgroup').splitlines():
        _, controllers, path = line.split(':', 2)
        top = '/sys/fs/cgroup'
        if controllers:
            top += '/' + controllers.removeprefix('name=')
        elif not os.path.exists(top + '/cgroup.controllers'):
            top += '/unified'
        yield f'host-cgroup :{controllers}:{path}'
        for name in os.listdir(top + path) if os.path.isdir(top + path) else ():
            if SETTINGS.fullmatch(name):
                value = ' | '.join(sorted(read(f'{top}{path}/{name}').splitlines()))
                yield f'host-cgroup :{controllers}: {name} {value}'


def hook_lines(host, *logs):
    """What hooks found; of the state what does not change from run to run."""
    kept = read(host.rootfs + '/.probe/host')
    for log in logs:
        for number, entry in enumerate(read(log).split('{\n')[1:]):
            kind, *lines = entry.splitlines()
            for line in lines:
                what, _, value = line.partition(' ')
                if what == 'namespace':
                    line = f'namespace {value.split(":")[0]} {"of the host" if value in kept else "of the container"}'
                if what != 'state':
                    yield f'hook {number} {kind} {line}'
                    continue
                for member, value in json.loads(value).items():
                    yield f'hook {number} {kind} state {member} {min(value, 1) if member == "pid" else json.dumps(value)}'


def file_lines(rootfs):
    """What was made in the root file system."""
    for folder, folders, files in os.walk(rootfs):
        for name in folders + files:
            path = f'{folder}/{name}'
            status = os.lstat(path)
            place = path.removeprefix(rootfs)
            if not place.startswith('/.probe'):
                yield f'made {place} mode {status.st_mode:o} owner {status.st_uid}:{status.st_gid}'


def run(host, runtime, config):
    """The lines of one container; the last word of the runtime instead, when it does not run it."""
    bundle = host.bundle(config)
    dump, pid_file, log = host.folder + '/dump', host.folder + '/pid', bundle + '/rootfs/.probe/hooks'
    for path in (pid_file, host.hook_log, host.folder + '/console'):
        remove(path)
    arguments, listener = ['--bundle', bundle, '--pid-file', pid_file], None
    if config['process'].get('terminal'):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(host.folder + '/console')
        listener.listen()
        arguments += ['--console-socket', host.folder + '/console']
    try:
        write(dump, '')
        with open(dump, 'w') as out:
            runtime.must('create', *arguments, ID, out=out)
        lines = list(cgroup_lines(int(read(pid_file))))
        terminal = receive_terminal(listener) if listener else None
        runtime.must('start', ID)
        said = read_terminal(terminal) if listener else ''
        runtime.wait()
        runtime.must('delete', ID)
        lines += (said or read(dump)).splitlines()
        lines += hook_lines(host, host.hook_log, log)
        return lines + list(file_lines(bundle + '/rootfs'))
    except (Failed, subprocess.TimeoutExpired) as error:
        return [f'failed {error}']
    finally:
        runtime.call('delete', '--force', ID, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if listener:
            listener.close()


def read_explanations():
    for line in open(HERE + '/explained.tsv'):
        if not line.startswith('#'):
            config, runtime, difference, why = line.rstrip('\n').split('\t')
            yield re.compile(config), re.compile(runtime), re.compile(difference), why


def differences(ours, theirs):
    """`- line` for one that only the control's container has, `+ line` for one that only ours has."""
    ours, theirs = collections.Counter(ours), collections.Counter(theirs)
    return [f'- {line}' for line in (theirs - ours).elements()] + [f'+ {line}' for line in (ours - theirs).elements()]


def unexplained(name, control, lines, explanations):
    matching = [line for config, runtime, line, _ in explanations if config.fullmatch(name) and runtime.fullmatch(control)]
    return [line for line in lines if not any(pattern.fullmatch(line) for pattern in matching)]


def keep(runtime, name, lines):
    if os.environ.get('PROBE_RESULTS'):
        write(f'{os.environ["PROBE_RESULTS"]}/{runtime.name}/{name}', '\n'.join(sorted(lines)) + '\n')


def compare(name, control, ours, theirs, explanations):
    """pass, fail or skip, and what there is to say."""
    failed = [lines[0] for lines in (ours, theirs) if lines[0].startswith('failed ')]
    if theirs[0].startswith('failed '):
        return 'skip', [failed[-1]]
    left = unexplained(name, control, failed and ['+ ' + failed[0]] or differences(ours, theirs), explanations)
    return ('fail', left) if left else ('pass', [])


def main():
    probe, busybox, folder, *programs = sys.argv[1:]
    host = Host(probe, busybox, folder)
    tested, *controls = [Runtime(*each.split('=', 1), folder) for each in programs]
    explanations = list(read_explanations())
    count = collections.Counter()
    for name, config in configs.all_configurations().items():
        if not re.search(os.environ.get('PROBE_FILTER', ''), name):
            continue
        ours = run(host, tested, config)
        keep(tested, name, ours)
        for control in controls:
            theirs = run(host, control, config)
            keep(control, name, theirs)
            result, said = compare(name, control.label, ours, theirs, explanations)
            count[result] += 1
            print('probe', name, control.label, result, *said[:1] if result == 'skip' else (), sep='\t', flush=True)
            for line in sorted(said) if result == 'fail' else ():
                print(f'    {line}')
            if result == 'fail':
                print(f'failed: {name}, {control.label}: {len(said)} differences: {sorted(said)[0]}')
    host.holder.kill()
    print(f'{count["pass"]} passed, {count["fail"]} failed, {count["skip"]} skipped')
    sys.exit(1 if count['fail'] or not count['pass'] else 0)


main()
