#!/usr/bin/python3
"""Take out of configurations what belongs to the machine and the moment they were saved on: see capture.sh.

usage: relocate.py SAVED FOLDER

SAVED holds ENGINE-ROW.TIME.X.json and, beside each, `.folders`.  What configs.py puts in again is written as a word between
@: @CGROUP@, @FILE@/NAME and @FOLDER@/NAME (sources of mounts), @NAMESPACE@/KIND, and {"@include": "seccomp-N.json"}.
Of configurations that are the same then, one is written.
"""
import collections, glob, json, os, re, sys

# What the host has everywhere stays.
KEPT_SOURCES = ('proc', 'sysfs', 'tmpfs', 'devpts', 'mqueue', 'cgroup', 'shm', 'bind', 'none', '/dev/', '/sys/', '/proc')


def relocate_mounts(config, folders):
    for mount in config.get('mounts', ()):
        source = mount.get('source', '')
        if source.startswith('/') and not source.startswith(KEPT_SOURCES):
            kind = 'FOLDER' if source in folders else 'FILE'
            mount['source'] = f'@{kind}@/{os.path.basename(mount["destination"])}'


def relocate(config, folders, profiles):
    config['root']['path'] = 'rootfs'
    relocate_mounts(config, folders)
    # They are the engine's own programs.
    config.pop('hooks', None)
    linux = config['linux']
    if 'cgroupsPath' in linux:
        linux['cgroupsPath'] = '@CGROUP@'
    for namespace in linux.get('namespaces', ()):
        if namespace.get('path'):
            namespace['path'] = f'@NAMESPACE@/{namespace["type"]}'
    if 'seccomp' in linux:
        text = json.dumps(linux['seccomp'], sort_keys=True)
        name = profiles.setdefault(text, f'seccomp-{len(profiles) + 1}.json')
        linux['seccomp'] = {'@include': name}
    process = config['process']
    process['args'] = ['/.probe/probe']
    process['env'] = [re.sub(r'\b[0-9a-f]{12,64}\b', 'CONTAINER', entry) for entry in process.get('env', ())]
    # A name that the engine made of the container's id.
    if re.fullmatch(r'[0-9a-f]{12}|pod-.*', config.get('hostname', '')):
        config['hostname'] = 'container'
    config.pop('annotations', None)
    return config


def main():
    saved, folder = sys.argv[1:]
    profiles, seen, numbers = {}, set(), collections.Counter()
    for path in sorted(glob.glob(f'{saved}/*.json')):
        with open(path[:-len('json')] + 'folders') as file:
            folders = set(file.read().splitlines())
        text = json.dumps(relocate(json.load(open(path)), folders, profiles), indent=1) + '\n'
        if text in seen:
            continue
        seen.add(text)
        name = os.path.basename(path).split('.')[0]
        numbers[name] += 1
        with open(f'{folder}/{name}{f"-{numbers[name]}" if numbers[name] > 1 else ""}.json', 'w') as file:
            file.write(text)
    for text, name in profiles.items():
        with open(f'{folder}/{name}', 'w') as file:
            file.write(text + '\n')


main()
