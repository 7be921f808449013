//! A real syslog daemon: `make test-peers`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::Path,
    process::{Child, Command},
    sync::Arc,
    thread,
    time::Duration,
};

use falco_alerts::{Alert, Channel, Finished, Priority, SyslogChannel};
use jiff::tz::TimeZone;

/// rsyslog with a socket and a file of its own.
struct Rsyslog(Child);

impl Rsyslog {
    fn start(dir: &Path) -> Rsyslog {
        let dir_text = dir.display();
        let config = format!(
            "module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
             input(type=\"imuxsock\" Socket=\"{dir_text}/log\")\n\
             template(name=\"t\" type=\"string\" string=\"%syslogfacility-text%.%syslogseverity-text% %programname%:%msg%\\n\")\n\
             action(type=\"omfile\" file=\"{dir_text}/out\" template=\"t\")\n"
        );
        fs::write(dir.join("conf"), config).unwrap();
        let mut command = Command::new("rsyslogd");
        command.arg("-n").arg("-f").arg(dir.join("conf"));
        command.arg("-i").arg(dir.join("pid"));
        let rsyslog = Rsyslog(command.spawn().unwrap());
        until(|| dir.join("log").exists());
        rsyslog
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(come: impl Fn() -> bool) {
    for _ in 0..3000 {
        if come() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it does not come");
}

#[test]
#[ignore = "needs rsyslogd: make test-peers"]
fn rsyslog_gets_alerts_and_may_start_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut syslog = SyslogChannel::new(dir.path().join("log"), TimeZone::UTC);
    let mut expected = String::new();
    for round in 0..2 {
        let rsyslog = Rsyslog::start(dir.path());
        for (priority, severity) in [
            (Priority::Emergency, "emerg"),
            (Priority::Critical, "crit"),
            (Priority::Notice, "notice"),
            (Priority::Debug, "debug"),
        ] {
            let alert = Alert::internal(0, priority, "r", String::new(), BTreeMap::new());
            let line = format!("{{\"round\":{round}}}");
            let alert = Arc::new(Finished::new(alert, line.clone().into_bytes()));
            syslog.deliver(&alert).unwrap();
            let _ = writeln!(expected, "user.{severity} falco: {line}");
        }
        until(|| fs::read_to_string(dir.path().join("out")).is_ok_and(|text| text == expected));
        drop(rsyslog);
        fs::remove_file(dir.path().join("log")).unwrap();
    }
}
