//! Programs run through the loader, against the same in a real chroot: output and exit code are equal.

mod oracle_support;

use oracle_support::{Guest, Place};

/// What a static busybox's shell does with files, links, processes, scripts.
const FILES: &str = r"
cd /tmp && mkdir a a/b && echo one > a/b/f && ln -s b a/c && ln -s /tmp/a abs && ln -s ../../etc/passwd a/b/up
ls -l a/b | sed 's/.* \(f\|up\)/\1/'; cat abs/c/f; head -1 a/b/up; cat a/c/../b/f; pwd; cd abs/c; pwd; pwd -P; cd ..; ls
mv b/f b/g; cat b/g; cp b/g h; rm b/g; cat b/g; echo $?; ln h hard; stat -c %h h; readlink -f /tmp/abs/c; readlink /tmp/abs
mkdir -p x/y/z; rmdir x/y/z; rmdir x; echo $?; touch -d 2001-01-01 h; stat -c %Y h; chmod 600 h; stat -c %a h
find /tmp | sort; cat /no/such; echo $?; cat /etc/passwd/x; echo $?; ls /tmp/a/nothing/..; echo $?; cd /; rm -r /tmp/a /tmp/abs; ls /tmp
test -e /proc/self/exe; echo $?; readlink /proc/self/cwd; readlink /proc/self/root; cat /proc/self/comm; readlink /proc/self/exe
";

const PROCESSES: &str = r#"
for i in 1 2 3; do /bin/echo $i; done; echo a | cat | sed s/a/b/; x=$(echo sub); echo $x; (exit 3); echo $?
printf '#!/bin/sh\necho script "$0" "$@"\n' > /tmp/s; chmod +x /tmp/s; /tmp/s 1 '2 3'; cd /tmp; ./s 4; PATH=/tmp:$PATH; s 5
printf '#!/tmp/s first\n' > /tmp/t; chmod +x /tmp/t; /tmp/t 6; printf '#!/no/such\n' > /tmp/u; chmod +x /tmp/u; /tmp/u; echo $?
echo 'echo without a line' > /tmp/v; chmod +x /tmp/v; /tmp/v; /tmp; echo $?; /no/such; echo $?; chmod -x /tmp/v; /tmp/v; echo $?
trap 'echo got' USR1; kill -USR1 $$; sh -c 'kill -TRAP $$'; echo $?; trap 'echo trapped' TRAP; kill -TRAP $$; kill -0 $$; echo $?
sleep 0.05 & wait; echo $?; env -i /bin/sh -c 'echo ${INTERPOSE_SETTINGS-none}'; env -i /bin/env; yes | head -2; exec /bin/echo end
"#;

const DEBIAN: &str = r"
set -- $(ls /usr/bin | wc -l); echo $1; ls -la /etc | wc -l; cat /etc/debian_version; stat -c '%n %s' /bin/ls /etc/passwd
mkdir /tmp/d && cd /tmp/d && seq 1 1000 > n && sort -rn n | head -3 && sha256sum n && wc n && tail -1 n && cut -c1 n | uniq -c | head -2
ln -s n l; stat -L -c %s l; readlink l; realpath l; cp -a . ../e; ls -A ../e; mktemp -d -p /tmp >/dev/null; echo $?; df /tmp >/dev/null; echo $?
rm -rf /tmp/e /tmp/d; echo $?; date -d @0 -u; env | grep -c INTERPOSE; timeout 0.1 sleep 5; echo $?; nice echo nice; nohup echo nohup 2>/dev/null
cat /proc/self/comm; readlink /proc/self/exe; cat < /dev/stdin <<X
here
X
sh -c 'kill -SEGV $$'; echo $?; ls /proc/self/fd | wc -l; expr 6 \* 7; test -x /bin/ls; echo $?; chroot / true 2>/dev/null; pwd
";

#[test]
fn a_static_programs_shell_does_what_it_does_in_a_chroot() {
    let place = Place::new(Guest::Busybox);
    for script in [FILES, PROCESSES] {
        place.compare(&["/bin/sh", "-c", script]);
    }
}

#[test]
fn a_dynamic_programs_shell_does_what_it_does_in_a_chroot() {
    let place = Place::new(Guest::Debian);
    for script in [DEBIAN, PROCESSES] {
        place.compare(&["/bin/sh", "-c", script]);
    }
}

#[test]
fn what_cannot_be_started_is_refused_as_in_a_chroot() {
    let place = Place::new(Guest::Busybox);
    for program in ["/no/such", "/etc", "/etc/passwd", "/etc/passwd/x"] {
        let (ours, theirs) = place.both(&[program]);
        assert_eq!(
            ours.code, theirs.code,
            "{program}: {} against {}",
            ours.stderr, theirs.stderr
        );
    }
}
