//! Channels that fail, hang and go away.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Condvar, Mutex};

use super::*;
use crate::{FileChannel, Priority};

fn alert(number: u64) -> Alert {
    Alert::internal(
        number,
        Priority::Debug,
        "r",
        format!("n{number}"),
        BTreeMap::new(),
    )
}

type Troubles = Arc<Mutex<Vec<String>>>;

fn start(options: Options, channels: Vec<Box<dyn Channel>>) -> (Outputs, Troubles) {
    let troubles = Troubles::default();
    let sink = Arc::clone(&troubles);
    let report = move |trouble: Trouble| sink.lock().unwrap().push(trouble.to_string());
    let outputs = Outputs::start(options, channels, report).unwrap();
    (outputs, troubles)
}

fn file(path: &Path) -> Box<dyn Channel> {
    Box::new(FileChannel::new(path.into(), true, true))
}

/// No call takes too long, however busy the machine is.
fn unhurried() -> Options {
    Options {
        timeout: Duration::from_mins(1),
        ..Options::default()
    }
}

/// Waits for something that will come, or fails the test.
fn until(come: impl Fn() -> bool) {
    for _ in 0..30_000 {
        if come() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("it does not come");
}

/// A channel that stands still while its gate is closed.
struct Gated {
    gate: Arc<(Mutex<bool>, Condvar)>,
    got: Arc<Mutex<Vec<u64>>>,
}

impl Gated {
    fn new() -> Gated {
        Gated {
            gate: Arc::default(),
            got: Arc::default(),
        }
    }

    fn open(gate: &(Mutex<bool>, Condvar)) {
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
    }
}

impl Channel for Gated {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn deliver(&mut self, alert: &Arc<Finished>) -> Result<(), Failure> {
        let open = self.gate.0.lock().unwrap();
        let _open = self.gate.1.wait_while(open, |open| !*open).unwrap();
        self.got.lock().unwrap().push(alert.alert.time_ns);
        Ok(())
    }
}

#[test]
fn everything_is_written_in_order_to_every_channel_that_works() {
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good");
    let channels = vec![file(Path::new("/nowhere/at/all")), file(&good)];
    let (outputs, troubles) = start(unhurried(), channels);
    for number in 0..100 {
        outputs.push(alert(number), Routes::ALL);
    }
    outputs.push(alert(100), Routes::NONE.with(1));
    outputs.reopen();
    assert!(!outputs.is_dead());
    until(|| {
        outputs
            .counts()
            .iter()
            .all(|counts| counts.delivered + counts.failed >= 100)
    });
    assert_eq!((outputs.counts()[0].failed, outputs.dropped()), (100, 0));
    outputs.finish();
    let text = std::fs::read_to_string(good).unwrap();
    assert_eq!(text.lines().count(), 101);
    for (number, line) in text.lines().enumerate() {
        assert!(line.ends_with(&format!("Debug n{number} ()")), "{line}");
    }
    let troubles = troubles.lock().unwrap();
    assert_eq!(troubles.len(), 101);
    assert_eq!(
        troubles[0],
        "file: failed to open output file /nowhere/at/all"
    );
}

#[test]
fn a_channel_that_hangs_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good");
    let gated = Gated::new();
    let (gate, got) = (Arc::clone(&gated.gate), Arc::clone(&gated.got));
    let options = Options {
        capacity: 3,
        ..unhurried()
    };
    let (outputs, troubles) = start(options, vec![Box::new(gated), file(&good)]);
    let push = |number| {
        outputs.push(alert(number), Routes::ALL);
        // The file takes each before the next comes.
        until(|| outputs.counts()[1].delivered == number + 1);
    };
    push(0);
    // The other took the first, and has room for three.
    until(|| outputs.shared.lanes[0].queue.len() == 0);
    (1..10).for_each(push);
    until(|| outputs.dropped() == 6);
    assert_eq!(outputs.counts()[0].dropped, 6);
    Gated::open(&gate);
    outputs.finish();
    assert_eq!(*got.lock().unwrap(), [0, 1, 2, 3]);
    assert_eq!(
        *troubles.lock().unwrap(),
        ["Outputs queue out of memory. Drop event and continue on ..."]
    );
}

#[test]
fn somebody_patient_loses_nothing() {
    let gated = Gated::new();
    let (gate, got) = (Arc::clone(&gated.gate), Arc::clone(&gated.got));
    let options = Options {
        capacity: 2,
        patient: true,
        ..unhurried()
    };
    let (outputs, troubles) = start(options, vec![Box::new(gated)]);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..100 {
                outputs.push(alert(number), Routes::ALL);
            }
        });
        until(|| outputs.shared.queue.len() == 2);
        Gated::open(&gate);
    });
    assert_eq!(outputs.dropped(), 0);
    outputs.finish();
    assert_eq!(*got.lock().unwrap(), (0..100).collect::<Vec<_>>());
    assert_eq!(*troubles.lock().unwrap(), [""; 0]);
}

#[test]
fn what_hangs_is_told_and_at_the_end_given_up() {
    let options = Options {
        timeout: Duration::from_millis(20),
        ..Options::default()
    };
    let (outputs, troubles) = start(options, vec![Box::new(Gated::new())]);
    for number in 0..5 {
        outputs.push(alert(number), Routes::ALL);
    }
    until(|| !troubles.lock().unwrap().is_empty());
    outputs.finish();
    assert_eq!(
        *troubles.lock().unwrap(),
        [
            "\"gated\" output timeout, all output channels are blocked",
            "output channels still blocked, discarding all remaining notifications"
        ]
    );
}

/// A channel that collects, and fails when it is to get alerts out for the first time; then it is closed for good.
struct Collector {
    kept: u64,
    flushed: u64,
}

impl Channel for Collector {
    fn name(&self) -> &'static str {
        "collector"
    }

    fn collects(&self) -> bool {
        true
    }

    fn deliver(&mut self, _: &Arc<Finished>) -> Result<(), Failure> {
        self.kept += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        assert!(std::mem::take(&mut self.kept) > 0);
        self.flushed += 1;
        match self.flushed {
            1 => Err(Failure::Other("not now".into())),
            2 => Ok(()),
            _ => Err(Failure::Closed),
        }
    }
}

#[test]
fn what_is_collected_counts_once_it_is_out() {
    let collector = Collector {
        kept: 0,
        flushed: 0,
    };
    let (outputs, troubles) = start(unhurried(), vec![Box::new(collector)]);
    let counts = || {
        let counts = &outputs.counts()[0];
        (counts.delivered, counts.failed)
    };
    for expected in [(0, 1), (1, 1), (1, 2)] {
        outputs.push(alert(0), Routes::ALL);
        until(|| counts() == expected);
    }
    until(|| outputs.is_dead());
    // Nobody is left: that is no lack of room.
    outputs.push(alert(0), Routes::ALL);
    until(|| outputs.shared.queue.len() == 0);
    assert_eq!(outputs.dropped(), 0);
    outputs.finish();
    assert_eq!(
        *troubles.lock().unwrap(),
        ["collector: not now", "collector: nobody reads any more"]
    );
}

/// A server that can be away. What it gets is shared with the test.
#[derive(Clone, Default)]
struct Remote {
    away: Arc<AtomicBool>,
    got: Arc<Mutex<Vec<u64>>>,
}

impl Channel for Remote {
    fn name(&self) -> &'static str {
        "../remote"
    }

    fn spools(&self) -> bool {
        true
    }

    fn deliver(&mut self, alert: &Arc<Finished>) -> Result<(), Failure> {
        if self.away.load(Ordering::Relaxed) {
            return Err(Failure::Other("away".into()));
        }
        if alert.alert.time_ns == 13 {
            return Err(Failure::Refused("unlucky".into()));
        }
        self.got.lock().unwrap().push(alert.alert.time_ns);
        Ok(())
    }
}

#[test]
fn alerts_wait_on_disk_for_a_server_that_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        capacity: 10,
        spool: Some(SpoolOptions {
            path: dir.path().into(),
            max_bytes: 1 << 20,
            max_age: Duration::from_hours(1),
        }),
        ..unhurried()
    };
    let remote = Remote::default();
    remote.away.store(true, Ordering::Relaxed);
    let push = |outputs: &Outputs, numbers: std::ops::Range<u64>| {
        for number in numbers {
            outputs.push(alert(number), Routes::ALL);
            until(|| outputs.shared.queue.len() < 5);
        }
    };
    // Nothing is delivered, and the end does not wait for it.
    let (outputs, troubles) = start(options.clone(), vec![Box::new(remote.clone())]);
    push(&outputs, 0..100);
    until(|| !troubles.lock().unwrap().is_empty());
    outputs.finish();
    assert_eq!(*troubles.lock().unwrap(), ["../remote: away"]);
    assert!(dir.path().join("___remote/lock").exists());
    assert_eq!(*remote.got.lock().unwrap(), [0; 0]);

    // Another run finds the old ones and, while two configurations take turns, goes on where the first has ended.
    let (first, troubles) = start(options.clone(), vec![Box::new(remote.clone())]);
    until(|| !troubles.lock().unwrap().is_empty());
    let (second, later) = start(options, vec![Box::new(remote.clone())]);
    push(&first, 100..110);
    remote.away.store(false, Ordering::Relaxed);
    first.finish();
    push(&second, 110..120);
    second.finish();
    let expected: Vec<u64> = (0..120).filter(|number| *number != 13).collect();
    assert_eq!(*remote.got.lock().unwrap(), expected);
    let mut troubles = troubles.lock().unwrap().clone();
    troubles.append(&mut later.lock().unwrap());
    assert!(troubles.contains(&"../remote: unlucky".to_owned()));
}

/// As when a configuration comes and goes before the one before it has ended.
#[test]
fn who_never_got_to_read_the_disk_ends_without() {
    let dir = tempfile::tempdir().unwrap();
    let spool = SpoolOptions {
        path: dir.path().into(),
        max_bytes: 1 << 20,
        max_age: Duration::from_hours(1),
    };
    let options = Options {
        spool: Some(spool.clone()),
        ..unhurried()
    };
    let remote = Remote::default();
    let before = Spool::open(&spool, "___remote").unwrap();
    let head = before.head().unwrap();
    let (outputs, troubles) = start(options.clone(), vec![Box::new(remote.clone())]);
    outputs.push(alert(0), Routes::ALL);
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        outputs.finish();
        ended.send(())
    });
    assert_eq!(end.recv_timeout(Duration::from_secs(30)), Ok(()));
    assert_eq!(*troubles.lock().unwrap(), [""; 0]);
    assert_eq!(*remote.got.lock().unwrap(), [0; 0]);
    drop(head);
    start(options, vec![Box::new(remote.clone())]).0.finish();
    assert_eq!(*remote.got.lock().unwrap(), [0]);
}

#[test]
fn without_disk_alerts_wait_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        capacity: 4,
        patient: true,
        spool: Some(SpoolOptions {
            path: dir.path().into(),
            // There is room for one.
            max_bytes: 100,
            max_age: Duration::from_hours(1),
        }),
        ..unhurried()
    };
    let remote = Remote::default();
    let (outputs, troubles) = start(options, vec![Box::new(remote.clone())]);
    for number in 0..12 {
        outputs.push(alert(number), Routes::ALL);
    }
    outputs.finish();
    assert_eq!(*remote.got.lock().unwrap(), (0..12).collect::<Vec<_>>());
    let troubles = troubles.lock().unwrap();
    assert_eq!(troubles.len(), 1);
    assert!(
        troubles[0].starts_with("../remote: the spool takes no alerts (the spool is full)"),
        "{troubles:?}"
    );
}
