#!/bin/sh
# Run a command as a user without any privilege: ordinary_user.sh FOLDER PATH... -- COMMAND...
#
# Root starts it, in a mount namespace of its own (unshare --mount). PATHs are what the user has to read; where
# one lies in a folder that is closed to others, as Python may in root's home, it is shown in an open copy of that
# folder which holds nothing else. FOLDER is empty and becomes the user's own.
set -eu
user=65534
own=$1
shift
mount --make-rprivate /
mkdir "$own/aside"
mount -t tmpfs -o mode=755 aside "$own/aside"

closed_part() {  # the topmost folder above a path that others may not enter
    part=
    for name in $(echo "$1" | tr / ' '); do
        part=$part/$name
        case $(stat -L -c %A "$part") in
            *[xt]) ;;
            *) echo "$part"; return ;;
        esac
    done
}

number=0
hidden=
while [ "$1" != -- ]; do
    folder=$(closed_part "$1")
    if [ -n "$folder" ]; then
        number=$((number + 1))
        mkdir "$own/aside/$number"
        mount --rbind "$1" "$own/aside/$number"
        case " $hidden " in
            *" $folder "*) ;;
            *) hidden="$hidden $folder" ;;
        esac
        echo "$1" >"$own/aside/$number.path"
    fi
    shift
done
shift
for folder in $hidden; do
    mount -t tmpfs -o mode=755 open "$folder"
done
while [ "$number" -gt 0 ]; do
    path=$(cat "$own/aside/$number.path")
    mkdir -p "$path"
    mount --rbind "$own/aside/$number" "$path"
    number=$((number - 1))
done
umount -R "$own/aside"
rmdir "$own/aside"
chown $user:$user "$own"
exec setpriv --reuid=$user --regid=$user --clear-groups --inh-caps=-all --bounding-set=-all "$@"
