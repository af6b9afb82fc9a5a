"""Mounts the data partition; a file system that does not mount is made anew, for NVS holds what must survive."""

import log
import vfs


def mount(partition, where):
    """Mount LittleFS on a partition, formatting it if it cannot be mounted; return whether it was formatted."""
    try:
        vfs.mount(vfs.VfsLfs2(partition), where)
        return False
    except OSError:
        log.line("the file system did not mount: made anew, alarms come back from NVS")
    vfs.VfsLfs2.mkfs(partition)
    vfs.mount(vfs.VfsLfs2(partition), where)
    return True
