#!/usr/bin/python3
"""Kubernetes' view of a runtime: pods and containers through the CRI plugin of containerd.

usage: cri.py ENGINE SOCKET IMAGE RUNTIME=HANDLER...

Each row of the matrix runs once for each HANDLER (a runtime class of containerd's configuration) and
prints `ENGINE<TAB>row<TAB>RUNTIME<TAB>pass|fail|skip<TAB>detail`.  What a row checks is read back from
inside the container or from the kernel, not from the engine's own word where there is another.  Its
environment is run.sh's.
"""
import contextlib, json, os, re, subprocess, sys, tempfile, time, traceback

import grpc


def load_interface():
    """Compile cri.proto beside this file; the two modules live as long as this process."""
    here = os.path.dirname(os.path.realpath(__file__))
    folder = tempfile.TemporaryDirectory()
    subprocess.run([sys.executable, '-m', 'grpc_tools.protoc', '-I', here, '--python_out',
                    folder.name, '--grpc_python_out', folder.name, here + '/cri.proto'], check=True)
    sys.path.insert(0, folder.name)
    import cri_pb2, cri_pb2_grpc
    folder.cleanup()
    return cri_pb2, cri_pb2_grpc


cri, cri_grpc = load_interface()


class Skip(Exception):
    """What this machine lacks for a row."""


def check(condition, said):
    if not condition:
        raise AssertionError(said)


def eventually(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


class Pod:
    """A pod sandbox and the containers in it; leaving the `with` takes everything away."""
    number = 0

    def __init__(self, kubelet, **security):
        Pod.number += 1
        name = f'pod-{os.getpid()}-{Pod.number}'
        self.kubelet = kubelet
        self.logs = tempfile.TemporaryDirectory()
        on_host = security.get('namespace_options', cri.NamespaceOption()).network == cri.NODE
        self.config = cri.PodSandboxConfig(
            metadata=cri.PodSandboxMetadata(name=name, uid=name, namespace='default'),
            hostname='' if on_host else name, log_directory=self.logs.name,
            linux=cri.LinuxPodSandboxConfig(
                cgroup_parent=kubelet.cgroup_parent,
                security_context=cri.SandboxSecurityContext(**security)))
        self.containers = []

    def __enter__(self):
        self.id = self.kubelet.call('RunPodSandbox', cri.RunPodSandboxRequest(
            config=self.config, runtime_handler=self.kubelet.handler)).pod_sandbox_id
        return self

    def __exit__(self, *_):
        self.kubelet.call('StopPodSandbox', cri.PodSandboxId(id=self.id))
        self.kubelet.call('RemovePodSandbox', cri.PodSandboxId(id=self.id))
        self.logs.cleanup()

    def start(self, command='while :; do sleep 1; done', mounts=(), resources=None, env=(), **security):
        """Create and start a container; returns its id."""
        name = f'c{len(self.containers)}'
        id = self.kubelet.call('CreateContainer', cri.CreateContainerRequest(
            pod_sandbox_id=self.id, sandbox_config=self.config, config=cri.ContainerConfig(
                metadata=cri.ContainerMetadata(name=name), image=cri.ImageSpec(image=self.kubelet.image),
                command=['/bin/sh', '-c', command] if isinstance(command, str) else command,
                envs=env, mounts=mounts, log_path=name + '.log',
                linux=cri.LinuxContainerConfig(
                    resources=resources, security_context=cri.ContainerSecurityContext(**security))))).id
        self.containers.append(id)
        self.kubelet.call('StartContainer', cri.ContainerId(id=id))
        return id


class Kubelet:
    """What a kubelet does with a runtime: one handler over one connection."""

    def __init__(self, socket, image, handler):
        self.stub = cri_grpc.RuntimeServiceStub(grpc.insecure_channel('unix://' + socket))
        self.image, self.handler = image, handler
        # The systemd manager wants a slice, the cgroupfs manager a path.
        self.cgroup_parent = 'critest.slice' if 'systemd' in handler else '/cri-test'

    def call(self, name, request, timeout=120):
        return getattr(self.stub, name)(request, timeout=timeout)

    def execute(self, container, *command):
        answer = self.call('ExecSync', cri.ExecSyncRequest(container_id=container, cmd=command, timeout=60))
        return answer.exit_code, answer.stdout.decode(), answer.stderr.decode()

    def sh(self, container, line):
        """The output of a shell line inside that must succeed."""
        status, out, err = self.execute(container, '/bin/sh', '-c', line)
        check(status == 0, f'{line!r}: status {status}: {err.strip()}')
        return out.strip()

    def status(self, container):
        return self.call('ContainerStatus', cri.ContainerId(id=container)).status

    def wait(self, container, seconds=60):
        """Wait for the end of a container; returns its status."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            status = self.status(container)
            if status.state == cri.EXITED:
                return status
            time.sleep(0.1)
        raise AssertionError(f'still in state {status.state} after {seconds} s')


# --- the rows: what Kubernetes relies on ------------------------------------------------------------

NO_NETWORK = cri.NamespaceOption(network=cri.NODE)
ROWS = []


def row(function):
    ROWS.append(function)
    return function


@row
def pod_runs_a_container(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        container = pod.start(env=[cri.KeyValue(key='WORD', value='hello')])
        check(kubelet.status(container).state == cri.RUNNING, 'it does not run')
        check(kubelet.sh(container, 'echo $WORD') == 'hello', 'the environment is lost')


@row
def pod_is_of_the_runtime_class_asked_for(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        handler = kubelet.call('PodSandboxStatus', cri.PodSandboxId(id=pod.id)).status.runtime_handler
        check(handler == kubelet.handler, handler)


@row
def exec_sync_gives_output_and_status(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        container = pod.start()
        check(kubelet.execute(container, '/bin/sh', '-c', 'echo out; echo err >&2; exit 7') ==
              (7, 'out\n', 'err\n'), 'output or status differ')


@row
def exec_of_a_missing_program_is_an_error(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        container = pod.start()
        try:
            kubelet.execute(container, '/no/such')
        except grpc.RpcError as error:
            check('no such file' in error.details() or 'not found' in error.details(), error.details())
        else:
            raise AssertionError('it succeeded')


@row
def missing_program_is_told_at_create(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        try:
            pod.start(['/no/such'])
        except grpc.RpcError as error:
            check(re.search('no such file|not found', error.details()), error.details())
        else:
            raise AssertionError('it started')


@row
def stop_ends_by_signal_then_kill(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        willing = pod.start('trap "exit 5" TERM; touch /tmp/ready; while :; do sleep 0.1; done')
        check(eventually(lambda: kubelet.execute(willing, 'test', '-e', '/tmp/ready')[0] == 0), 'it never gets ready')
        kubelet.call('StopContainer', cri.StopContainerRequest(container_id=willing, timeout=30))
        check(kubelet.wait(willing).exit_code == 5, 'TERM did not reach it')
        stubborn = pod.start('trap "" TERM; while :; do sleep 0.1; done')
        kubelet.call('StopContainer', cri.StopContainerRequest(container_id=stubborn, timeout=1))
        check(kubelet.wait(stubborn).exit_code == 137, 'KILL did not end it')


@row
def remove_takes_it_away(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        container = pod.start('exit 0')
        kubelet.wait(container)
        kubelet.call('RemoveContainer', cri.ContainerId(id=container))
        try:
            kubelet.status(container)
        except grpc.RpcError as error:
            check(error.code() == grpc.StatusCode.NOT_FOUND, error.details())
        else:
            raise AssertionError('it is still there')


def limit_files(kubelet, container):
    """Inside, where a cgroup namespace makes the container's cgroup the root; else by /proc."""
    if os.path.exists('/sys/fs/cgroup/cgroup.controllers'):
        return {'quota': kubelet.sh(container, 'cat /sys/fs/cgroup/cpu.max').split()[0],
                'memory': kubelet.sh(container, 'cat /sys/fs/cgroup/memory.max')}
    return {'quota': kubelet.sh(container, 'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us'),
            'memory': kubelet.sh(container, 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes')}


@row
def limits_hold(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        container = pod.start(resources=cri.Resources(
            cpu_period=100000, cpu_quota=25000, memory_limit_in_bytes=64 << 20))
        found = limit_files(kubelet, container)
        check(found == {'quota': '25000', 'memory': str(64 << 20)}, found)


@row
def update_changes_limits(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        container = pod.start(resources=cri.Resources(
            cpu_period=100000, cpu_quota=25000, memory_limit_in_bytes=64 << 20))
        kubelet.call('UpdateContainerResources', cri.UpdateContainerResourcesRequest(
            container_id=container, linux=cri.Resources(
                cpu_period=100000, cpu_quota=50000, memory_limit_in_bytes=96 << 20)))
        found = limit_files(kubelet, container)
        check(found == {'quota': '50000', 'memory': str(96 << 20)}, found)


@row
def stats_are_reported(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        container = pod.start('while :; do :; done')

        def stats():
            return kubelet.call('ContainerStats', cri.ContainerId(id=container)).stats
        check(eventually(lambda: stats().cpu.usage_core_nano_seconds.value > 10 ** 8), f'cpu: {stats().cpu}')
        check(stats().memory.working_set_bytes.value > 0, f'memory: {stats().memory}')


@row
def oom_kill_is_reported(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        # The first process lives on for a moment: containerd reads of the kill in a cgroup that systemd takes away
        # at once when it is empty, whatever the runtime.
        container = pod.start('(x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done); code=$?; sleep 10; exit $code',
                              resources=cri.Resources(memory_limit_in_bytes=16 << 20))
        status = kubelet.wait(container)
        # It hears of the kill and of the end by different ways: either may come first.
        for _ in range(100):
            if status.reason != 'OOMKilled':
                time.sleep(0.1)
                status = kubelet.status(container)
        check((status.exit_code, status.reason) == (137, 'OOMKilled'),
              f'{status.exit_code} {status.reason}')


@row
def runs_as_the_user_that_was_asked_for(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        container = pod.start(run_as_user=cri.Int64Value(value=1234),
                              run_as_group=cri.Int64Value(value=55), supplemental_groups=[66, 77])
        check(kubelet.sh(container, 'id -u; id -g; id -G').split() == ['1234', '55', '55', '66', '77'],
              kubelet.sh(container, 'id'))


@row
def root_is_read_only(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        container = pod.start(readonly_rootfs=True)
        status, _, err = kubelet.execute(container, '/bin/touch', '/x')
        check(status != 0 and 'Read-only' in err, err)


@row
def volume_is_mounted_read_only(kubelet):
    with tempfile.TemporaryDirectory() as volume, Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        open(volume + '/file', 'w').write('content')
        container = pod.start(mounts=[
            cri.Mount(container_path='/volume', host_path=volume, readonly=True)])
        check(kubelet.sh(container, 'cat /volume/file') == 'content', 'other content')
        check(kubelet.execute(container, '/bin/touch', '/volume/x')[0] != 0, 'it can be written')


@row
def capabilities_are_those_asked_for(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        container = pod.start(capabilities=cri.Capability(
            drop_capabilities=['ALL'], add_capabilities=['NET_BIND_SERVICE']))
        effective = kubelet.sh(container, 'grep CapEff /proc/self/status').split()[1]
        check(int(effective, 16) == 1 << 10, effective)


@row
def privileged_has_everything(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK, privileged=True) as pod:
        container = pod.start(privileged=True)
        check(kubelet.sh(container, 'grep Seccomp: /proc/self/status').split()[1] == '0', 'filtered')
        check(kubelet.sh(container, 'ls /dev/kmsg') == '/dev/kmsg', 'no devices of the host')


@row
def seccomp_default_profile_filters(kubelet):
    profile = cri.SecurityProfile(profile_type=cri.SecurityProfile.RuntimeDefault)
    with Pod(kubelet, namespace_options=NO_NETWORK, seccomp=profile) as pod:
        container = pod.start(seccomp=profile)
        check(kubelet.sh(container, 'grep Seccomp: /proc/self/status').split()[1] == '2', 'no filter')
        check(kubelet.execute(container, '/bin/unshare', '-r', '/bin/true')[0] != 0,
              'unshare is allowed')


@row
def seccomp_profile_of_a_file_filters(kubelet):
    with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
        json.dump({'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [
            {'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO'}]}, file)
        file.flush()
        profile = cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost, localhost_ref=file.name)
        with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
            container = pod.start(seccomp=profile)
            status, _, said = kubelet.execute(container, '/bin/mkdir', '/tmp/x')
            check(status != 0 and 'Operation not permitted' in said, f'status {status}: {said}')
            check(kubelet.sh(container, 'touch /tmp/y && echo made') == 'made', 'all is forbidden')


@row
def apparmor_default_profile_confines(kubelet):
    if not os.path.exists('/sys/kernel/security/apparmor'):
        raise Skip('this kernel has no AppArmor')
    profile = cri.SecurityProfile(profile_type=cri.SecurityProfile.RuntimeDefault)
    with Pod(kubelet, namespace_options=NO_NETWORK, apparmor=profile) as pod:
        container = pod.start(apparmor=profile)
        label = kubelet.sh(container, 'cat /proc/self/attr/current')
        check(label == 'cri-containerd.apparmor.d (enforce)', label)


@row
def two_containers_share_the_pods_namespaces(kubelet):
    shared = cri.NamespaceOption(network=cri.NODE, pid=cri.POD)
    with Pod(kubelet, namespace_options=shared) as pod:
        first = pod.start(namespace_options=shared)
        second = pod.start(namespace_options=shared)
        look = 'for n in ipc uts net pid; do readlink /proc/self/ns/$n; done'
        check(kubelet.sh(first, look) == kubelet.sh(second, look), 'namespaces differ')
        check(kubelet.sh(first, 'readlink /proc/self/ns/mnt') !=
              kubelet.sh(second, 'readlink /proc/self/ns/mnt'), 'mounts are shared')


@row
def pod_has_a_network(kubelet):
    with Pod(kubelet) as pod:
        container = pod.start()
        ip = kubelet.call('PodSandboxStatus', cri.PodSandboxId(id=pod.id)).status.network.ip
        check(ip and ip in kubelet.sh(container, 'ip addr'), f'address {ip!r} is not inside')
        check('127.0.0.1' in kubelet.sh(container, 'ip addr show lo'), 'no loopback')


@row
def pod_with_a_user_namespace(kubelet):
    maps = [cri.IDMapping(container_id=0, host_id=200000, length=65536)]
    options = cri.NamespaceOption(userns_options=cri.UserNamespace(
        mode=cri.POD, uids=maps, gids=maps))
    with contextlib.ExitStack() as stack:
        try:
            pod = stack.enter_context(Pod(kubelet, namespace_options=options))
        except grpc.RpcError as error:
            if 'not supported' in error.details() or 'unsupported' in error.details():
                raise Skip(error.details())
            raise
        container = pod.start(namespace_options=options)
        found = kubelet.sh(container, 'cat /proc/self/uid_map').split()
        if found == ['0', '0', '4294967295']:
            raise Skip('this containerd ignores user namespaces')
        check(found == ['0', '200000', '65536'], found)


@row
def many_exec_probes_leave_nothing(kubelet):
    with Pod(kubelet, namespace_options=NO_NETWORK) as pod:
        container = pod.start()
        for _ in range(20):
            kubelet.sh(container, 'true')
        check(len(kubelet.sh(container, 'ls /proc | grep "^[0-9]*$"').split()) < 8, 'processes stay')


def try_row(function, kubelet):
    """The result of one row and what there is to say about it."""
    try:
        function(kubelet)
    except Skip as skip:
        return 'skip', str(skip)
    except grpc.RpcError as error:
        return 'fail', error.details()
    except AssertionError as error:
        return 'fail', str(error)
    except Exception:
        return 'fail', traceback.format_exc(limit=-1)
    return 'pass', ''


def main():
    engine, socket, image, *handlers = sys.argv[1:]
    for function in ROWS:
        name = function.__name__.replace('_', ' ')
        if not re.search(os.environ.get('ENGINES_FILTER', ''), name):
            continue
        tested = None
        for pair in handlers:
            if tested == 'pass' and os.environ.get('ENGINES_CONTROL') == 'failed':
                break
            runtime, handler = pair.split('=')
            result, detail = try_row(function, Kubelet(socket, image, handler))
            print(engine, name, runtime, result, re.sub(r'\s+', ' ', str(detail)), sep='\t', flush=True)
            tested = tested or result


main()
