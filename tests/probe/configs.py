"""The configurations of the probe: hand-made ones, each a small change to what `runc spec` writes, and engines' own.

all_configurations() gives {name: config}.  Words between @ are put in by the runner: see relocate.py.
"""
import copy, glob, json, os

HERE = os.path.dirname(os.path.realpath(__file__))
FEW_CAPABILITIES = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']
MANY_CAPABILITIES = [f'CAP_{name}' for name in (
    'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE '
    'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_NICE SYS_RESOURCE '
    'SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP').split()]


def mount(destination, type, source=None, *options):
    return {'destination': destination, 'type': type, 'source': source or type, 'options': list(options)}


def bind(destination, source, *options):
    return mount(destination, 'bind', source, 'bind', *options)


def rule(allow, access, type=None, major=None, minor=None):
    numbers = {'type': type, 'major': major, 'minor': minor}
    return {'allow': allow, 'access': access, **{key: value for key, value in numbers.items() if value is not None}}


BASE = {
    'ociVersion': '1.0.2',
    'process': {
        'user': {'uid': 0, 'gid': 0}, 'args': ['/.probe/probe'], 'cwd': '/',
        'env': ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
        'capabilities': {kind: FEW_CAPABILITIES for kind in ('bounding', 'effective', 'permitted')},
        'rlimits': [{'type': 'RLIMIT_NOFILE', 'hard': 1024, 'soft': 1024}],
        'noNewPrivileges': True},
    'root': {'path': 'rootfs'},
    'hostname': 'probe',
    'mounts': [
        mount('/proc', 'proc'),
        mount('/dev', 'tmpfs', None, 'nosuid', 'strictatime', 'mode=755', 'size=65536k'),
        mount('/dev/pts', 'devpts', None, 'nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'),
        mount('/dev/shm', 'tmpfs', 'shm', 'nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'),
        mount('/dev/mqueue', 'mqueue', None, 'nosuid', 'noexec', 'nodev'),
        mount('/sys', 'sysfs', None, 'nosuid', 'noexec', 'nodev', 'ro'),
        mount('/sys/fs/cgroup', 'cgroup', None, 'nosuid', 'noexec', 'nodev', 'relatime', 'ro')],
    'linux': {
        'cgroupsPath': '@CGROUP@',
        'resources': {'devices': [{'allow': False, 'access': 'rwm'}]},
        'namespaces': [{'type': kind} for kind in ('pid', 'network', 'ipc', 'uts', 'mount', 'cgroup')],
        'maskedPaths': ['/proc/acpi', '/proc/asound', '/proc/kcore', '/proc/keys', '/proc/latency_stats',
                        '/proc/timer_list', '/proc/timer_stats', '/proc/sched_debug', '/sys/firmware', '/proc/scsi'],
        'readonlyPaths': ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']}}
CHANGES = {}


def change(function):
    """A configuration of the function's name: it changes what it is given."""
    CHANGES[function.__name__.replace('_', '-')] = function
    return function


def set_capabilities(config, *names, kinds=('bounding', 'effective', 'permitted')):
    config['process']['capabilities'] = {kind: list(names) for kind in kinds}


def allow_all_devices(config):
    config['linux']['resources']['devices'] = [{'allow': True, 'access': 'rwm'}]


def use_user_namespace(config, size=65536):
    config['linux']['namespaces'].append({'type': 'user'})
    for kind in ('uidMappings', 'gidMappings'):
        config['linux'][kind] = [{'containerID': 0, 'hostID': 100000, 'size': size}]


@change
def plain(config):
    pass


@change
def terminal(config):
    config['process'].update(terminal=True, consoleSize={'height': 30, 'width': 90})


@change
def ordinary_user(config):
    config['process']['user'] = {'uid': 1000, 'gid': 1001, 'additionalGids': [5, 7, 1002], 'umask': 0o77}
    set_capabilities(config)


@change
def ordinary_user_with_ambient_capabilities(config):
    config['process']['user'] = {'uid': 1000, 'gid': 1000}
    set_capabilities(config, 'CAP_NET_RAW', 'CAP_CHOWN',
                     kinds=('bounding', 'effective', 'permitted', 'inheritable', 'ambient'))


@change
def ordinary_user_on_a_terminal(config):
    config['process'].update(user={'uid': 1000, 'gid': 1000}, terminal=True)


@change
def root_with_inheritable_capabilities(config):
    set_capabilities(config, 'CAP_KILL', 'CAP_SYS_CHROOT', kinds=('bounding', 'permitted', 'inheritable'))


@change
def many_capabilities(config):
    set_capabilities(config, *MANY_CAPABILITIES)
    config['process']['noNewPrivileges'] = False
    allow_all_devices(config)


@change
def capabilities_not_given(config):
    del config['process']['capabilities']


@change
def all_limits(config):
    config['process']['rlimits'] = [
        {'type': f'RLIMIT_{name}', 'soft': soft, 'hard': hard} for name, soft, hard in (
            ('AS', 1 << 40, 1 << 41), ('CORE', 0, 4096), ('CPU', 1000, 2000), ('DATA', 1 << 38, 1 << 39),
            ('FSIZE', 1 << 30, 1 << 31), ('LOCKS', 100, 200), ('MEMLOCK', 8192, 16384), ('MSGQUEUE', 1000, 2000),
            ('NICE', 1, 2), ('NOFILE', 100, 200), ('NPROC', 300, 400), ('RSS', 1 << 30, 1 << 31), ('RTPRIO', 1, 2),
            ('RTTIME', 10000, 20000), ('SIGPENDING', 50, 60), ('STACK', 1 << 20, 1 << 23))]


@change
def scheduling(config):
    config['process'].update(oomScoreAdj=500, scheduler={'policy': 'SCHED_BATCH', 'nice': 3},
                             ioPriority={'class': 'IOPRIO_CLASS_BE', 'priority': 6})
    config['linux']['personality'] = {'domain': 'LINUX32'}


@change
def environment_cwd_and_arguments(config):
    config['process'].update(env=['A=1', 'A=2', 'EMPTY=', 'PATH=/nowhere', 'WITH SPACE=a b'], cwd='/made/for/it',
                             args=['/.probe/probe', '', 'a b', '--flag'])


@change
def no_environment(config):
    config['process']['env'] = []


@change
def program_found_in_path(config):
    config['process'].update(args=['probe'], env=['PATH=/bin:/.probe'])


@change
def read_only_root(config):
    config['root']['readonly'] = True


@change
def root_is_a_shared_mount(config):
    config['linux']['rootfsPropagation'] = 'shared'


@change
def root_is_a_slave_mount(config):
    config['linux']['rootfsPropagation'] = 'rslave'


@change
def root_is_a_private_mount(config):
    config['linux']['rootfsPropagation'] = 'private'


@change
def root_is_unbindable(config):
    config['linux']['rootfsPropagation'] = 'unbindable'


@change
def namespaces_of_the_host(config):
    config['linux']['namespaces'] = [{'type': 'mount'}]
    config['mounts'] = [each for each in config['mounts'] if each['type'] not in ('mqueue', 'sysfs', 'cgroup')]
    del config['hostname'], config['linux']['readonlyPaths']


@change
def no_cgroup_namespace(config):
    config['linux']['namespaces'] = [each for each in config['linux']['namespaces'] if each['type'] != 'cgroup']


@change
def writable_cgroup(config):
    config['mounts'][-1]['options'] = ['rprivate', 'nosuid', 'noexec', 'nodev', 'relatime', 'rw']


@change
def namespaces_joined(config):
    for namespace in config['linux']['namespaces']:
        if namespace['type'] in ('network', 'ipc', 'uts'):
            namespace['path'] = f'@NAMESPACE@/{namespace["type"]}'
    del config['hostname']


@change
def user_namespace(config):
    use_user_namespace(config)


@change
def user_namespace_of_few_ids(config):
    use_user_namespace(config, 10)
    config['process']['user'] = {'uid': 3, 'gid': 4, 'additionalGids': [6]}


@change
def user_namespace_with_all_capabilities(config):
    use_user_namespace(config)
    set_capabilities(config, *MANY_CAPABILITIES)
    config['process']['noNewPrivileges'] = False
    config['mounts'][-2]['options'].remove('ro')


@change
def user_namespace_with_a_writable_cgroup(config):
    use_user_namespace(config)
    config['mounts'][-1]['options'].remove('ro')


@change
def time_namespace(config):
    config['linux']['namespaces'].append({'type': 'time'})
    config['linux']['timeOffsets'] = {'monotonic': {'secs': 1000, 'nanosecs': 5}, 'boottime': {'secs': -10}}


@change
def sysctls(config):
    config['linux']['sysctl'] = {'net.ipv4.ip_forward': '1', 'net.core.somaxconn': '77', 'kernel.shmmni': '100',
                                 'kernel.msgmax': '4096', 'fs.mqueue.msg_max': '20', 'kernel.sem': '10 20 30 40',
                                 'net.ipv4.ping_group_range': '0 10'}
    config['domainname'] = 'a.domain'


@change
def devices_made(config):
    config['linux']['devices'] = [
        {'path': '/dev/fuse', 'type': 'c', 'major': 10, 'minor': 229, 'fileMode': 0o640, 'uid': 5, 'gid': 6},
        {'path': '/dev/deep/below/disk', 'type': 'b', 'major': 8, 'minor': 250, 'fileMode': 0o660},
        {'path': '/dev/pipe', 'type': 'p', 'fileMode': 0o622},
        {'path': '/dev/without-mode', 'type': 'u', 'major': 1, 'minor': 3}]
    config['linux']['resources']['devices'].append(rule(True, 'rw', 'c', 10, 229))


@change
def device_rules(config):
    set_capabilities(config, 'CAP_MKNOD')
    config['linux']['resources']['devices'] += [
        rule(True, 'r', 'c', 195), rule(True, 'rwm', 'c', 10), rule(False, 'w', 'c', 10, 200), rule(True, 'm', 'b'),
        rule(True, 'rw', 'b', 8, 250), rule(False, 'w', 'c', 1, 5)]


@change
def device_rules_not_given(config):
    set_capabilities(config, 'CAP_MKNOD')
    del config['linux']['resources']


@change
def all_devices_allowed_but_some(config):
    set_capabilities(config, 'CAP_MKNOD')
    config['linux']['resources']['devices'] = [rule(True, 'rwm'), rule(False, 'rw', 'c', 10)]


@change
def resources(config):
    config['linux']['resources'].update(
        memory={'limit': 64 << 20, 'reservation': 32 << 20}, pids={'limit': 50},
        cpu={'shares': 512, 'quota': 30000, 'period': 60000, 'cpus': '0', 'mems': '0'})


@change
def resources_without_end(config):
    config['linux']['resources'].update(memory={'limit': -1}, pids={'limit': -1}, cpu={'shares': 2, 'quota': -1})


@change
def cgroup_not_named(config):
    del config['linux']['cgroupsPath']


@change
def cgroup_relative(config):
    config['linux']['cgroupsPath'] = 'probe-relative/@ID@'


@change
def mount_options(config):
    config['mounts'] += [
        mount('/t/small', 'tmpfs', 'tmpfs', 'size=4k', 'mode=1700', 'uid=7', 'gid=8', 'noexec', 'nodev', 'nosuid'),
        mount('/t/plain', 'tmpfs'), mount('/t/times', 'tmpfs', 'tmpfs', 'noatime', 'nodiratime', 'ro'),
        bind('/b/plain', '@FOLDER@/one'), bind('/b/closed', '@FOLDER@/one', 'ro', 'nosuid', 'nodev', 'noexec'),
        bind('/b/last-wins', '@FOLDER@/one', 'ro', 'rw'), bind('/b/file', '@FILE@/two', 'ro'),
        mount('/b/r', 'bind', '@FOLDER@/nested', 'rbind', 'ro'), mount('/b/untyped', 'none', '@FOLDER@/one', 'rbind')]


@change
def recursive_mount_options(config):
    config['mounts'] += [mount('/b/rro', 'bind', '@FOLDER@/nested', 'rbind', 'rro', 'rnosuid', 'rnoexec')]


@change
def mount_propagation(config):
    config['linux']['rootfsPropagation'] = 'rshared'
    config['mounts'] += [bind(f'/p/{kind}', '@FOLDER@/one', kind) for kind in (
        'private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared', 'unbindable')]


@change
def mounts_by_links_and_over_one_another(config):
    config['mounts'] += [bind('/link/below', '@FOLDER@/one'), bind('/over', '@FOLDER@/one'), bind('/over', '@FOLDER@/nested'),
                         bind('/over/made', '@FILE@/two'), mount('/etc', 'tmpfs', 'tmpfs', 'tmpcopyup'),
                         bind('/escape/x', '@FOLDER@/one'), mount('relative', 'tmpfs')]


@change
def dev_of_the_host(config):
    config['mounts'] = [each for each in config['mounts'] if not each['destination'].startswith('/dev')]
    config['mounts'].insert(1, mount('/dev', 'bind', '@FOLDER@/dev', 'rbind', 'rw'))


@change
def no_mounts(config):
    config['mounts'] = [mount('/proc', 'proc')]
    config['linux'].update(maskedPaths=[], readonlyPaths=[])


@change
def paths_hidden(config):
    config['linux'].update(maskedPaths=['/hidden', '/hidden-file', '/not-there', '/proc/interrupts'],
                           readonlyPaths=['/closed', '/closed-file', '/not-there'])


@change
def hooks(config):
    config['hooks'] = {kind: [{'path': path, 'args': ['hook', kind], 'env': ['ONE=1']}] for kind, path in (
        ('prestart', '@HOOK@'), ('createRuntime', '@HOOK@'), ('createContainer', '@HOOK@'), ('startContainer', '/.probe/hook'),
        ('poststart', '@HOOK@'), ('poststop', '@HOOK@'))}
    config['annotations'] = {'a.b': 'c'}


@change
def filter_of_what_is_denied(config):
    config['linux']['seccomp'] = {
        'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
        'syscalls': [{'names': ['mkdir', 'keyctl', 'no_such_call'], 'action': 'SCMP_ACT_ERRNO'},
                     {'names': ['add_key'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': 38},
                     {'names': ['acct'], 'action': 'SCMP_ACT_KILL_THREAD'}, {'names': ['swapon'], 'action': 'SCMP_ACT_LOG'},
                     {'names': ['swapoff'], 'action': 'SCMP_ACT_TRAP'}, {'names': ['chroot'], 'action': 'SCMP_ACT_KILL_PROCESS'},
                     {'names': ['personality'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': 13,
                      'args': [{'index': 0, 'value': 8, 'op': 'SCMP_CMP_EQ'}]}]}


@change
def filter_of_what_is_allowed(config):
    """With a profile that is old: what came after its last call is answered ENOSYS."""
    names = json.load(open(f'{HERE}/configs/seccomp-1.json'))['syscalls'][0]['names']
    config['process']['noNewPrivileges'] = False
    config['linux']['seccomp'] = {
        'defaultAction': 'SCMP_ACT_ERRNO', 'defaultErrnoRet': 1, 'architectures': ['SCMP_ARCH_X86_64'],
        'syscalls': [{'names': [*names, 'arch_prctl', 'clone'], 'action': 'SCMP_ACT_ALLOW'},
                     {'names': ['socket'], 'action': 'SCMP_ACT_ALLOW', 'args': [{'index': 0, 'value': 16, 'op': 'SCMP_CMP_NE'},
                                                                              {'index': 0, 'value': 40, 'op': 'SCMP_CMP_LT'}]}]}


def include(node):
    """{"@include": NAME} is what configs/NAME holds."""
    if isinstance(node, dict):
        if '@include' in node:
            return json.load(open(f'{HERE}/configs/{node["@include"]}'))
        return {key: include(value) for key, value in node.items()}
    return node


def all_configurations():
    configs = {}
    for name, apply in CHANGES.items():
        configs[name] = copy.deepcopy(BASE)
        apply(configs[name])
    for path in sorted(glob.glob(f'{HERE}/configs/*.json')):
        name = os.path.basename(path)[:-len('.json')]
        if not name.startswith('seccomp-'):
            configs[name] = include(json.load(open(path)))
    return configs
