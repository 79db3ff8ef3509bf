#!/usr/bin/python3
"""Make container images of a static busybox, for there is no registry to pull from.

usage: make-image.py BUSYBOX FOLDER

Writes FOLDER/oci.tar (an OCI image layout, for containerd and Podman) and FOLDER/docker.tar (as
`docker save` does), each with two images of the same layer: docker.io/library/busybox:latest, a
shell, and docker.io/library/pause:latest, which does nothing until it is told to end, as the sandbox
of a Kubernetes pod does.
"""
import hashlib, io, json, subprocess, sys, tarfile

FOLDERS = ('bin', 'dev', 'etc', 'home', 'proc', 'root', 'run', 'sys', 'tmp', 'usr/bin', 'var/tmp')
FILES = {'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
         'etc/group': 'root:x:0:\nnogroup:x:65534:\n'}
IMAGES = {'busybox': ['sh'],
          'pause': ['/bin/sh', '-c', 'trap "exit 0" TERM INT; while :; do sleep 1; done']}


def entry(name, type=tarfile.REGTYPE, mode=0o644, link='', data=b''):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.size = type, mode, link, len(data)
    return info, io.BytesIO(data)


def tar(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.GNU_FORMAT) as archive:
        for info, data in entries:
            archive.addfile(info, data)
    return out.getvalue()


def make_layer(busybox):
    with open(busybox, 'rb') as file:
        program = file.read()
    applets = subprocess.check_output([busybox, '--list'], text=True).split()
    entries = [entry(name, tarfile.DIRTYPE, 0o1777 if name.endswith('tmp') else 0o755)
               for name in FOLDERS]
    entries += [entry(name, data=text.encode()) for name, text in FILES.items()]
    entries.append(entry('bin/busybox', mode=0o755, data=program))
    entries += [entry('bin/' + applet, tarfile.SYMTYPE, 0o777, 'busybox')
                for applet in applets if applet != 'busybox']
    return tar(entries)


def encode(value):
    return json.dumps(value).encode()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def descriptor(kind, data, **more):
    return {'mediaType': f'application/vnd.oci.image.{kind}', 'digest': 'sha256:' + digest(data),
            'size': len(data), **more}


def make_config(layer, command):
    return encode({'architecture': 'amd64', 'os': 'linux', 'created': '1970-01-01T00:00:00Z',
                   'config': {'Env': ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'], 'Cmd': command},
                   'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + digest(layer)]},
                   'history': [{'created': '1970-01-01T00:00:00Z'}]})


def oci_layout(layer):
    blobs, manifests = [layer], []
    for name, command in IMAGES.items():
        config = make_config(layer, command)
        manifest = encode({'schemaVersion': 2,
                           'mediaType': 'application/vnd.oci.image.manifest.v1+json',
                           'config': descriptor('config.v1+json', config),
                           'layers': [descriptor('layer.v1.tar', layer)]})
        blobs += [config, manifest]
        reference = f'docker.io/library/{name}:latest'
        manifests.append(descriptor('manifest.v1+json', manifest,
                                    platform={'architecture': 'amd64', 'os': 'linux'},
                                    annotations={'io.containerd.image.name': reference,
                                                 'org.opencontainers.image.ref.name': reference}))
    return tar([entry('oci-layout', data=b'{"imageLayoutVersion":"1.0.0"}'),
                entry('index.json', data=encode({'schemaVersion': 2, 'manifests': manifests}))] +
               [entry('blobs/sha256/' + digest(blob), data=blob) for blob in blobs])


def docker_archive(layer):
    configs = {name: make_config(layer, command) for name, command in IMAGES.items()}
    return tar([entry('layer.tar', data=layer)] +
               [entry(digest(config) + '.json', data=config) for config in configs.values()] +
               [entry('manifest.json', data=encode([
                   {'Config': digest(config) + '.json', 'RepoTags': [f'{name}:latest'],
                    'Layers': ['layer.tar']} for name, config in configs.items()]))])


def main():
    busybox, folder = sys.argv[1:]
    layer = make_layer(busybox)
    for name, data in (('oci.tar', oci_layout(layer)), ('docker.tar', docker_archive(layer))):
        with open(f'{folder}/{name}', 'wb') as file:
            file.write(data)


main()
