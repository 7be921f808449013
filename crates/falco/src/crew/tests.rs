//! A container that is told of between two events, and an event that had to wait for it.

use std::sync::{Mutex, PoisonError};

use falco_alerts::{Channel, Failure, Finished, Options, Outputs, Tally};
use falco_event::{Builder, codes};
use falco_fields::{Catalogue, Context};
use falco_rules::{Loader, LoaderConfig, Matching};
use falco_state::Thread;

use super::*;
use crate::{routing::Routing, set::Labels};

const RULES: &str = "
- rule: moved
  desc: d
  condition: evt.type = chdir
  output: \"%evt.num %container.name %evt.reltime %proc.cwd\"
  priority: INFO
";
const ID: &str = "32a1026ccb88a551e2a38eb8f260b4700aefec7e8c007344057e58a9fa302374";

/// Keeps the messages.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl Channel for Kept {
    fn name(&self) -> &'static str {
        "kept"
    }

    fn deliver(&mut self, alert: &Arc<Finished>) -> Result<(), Failure> {
        let message = String::from_utf8_lossy(&alert.alert.message).into_owned();
        self.all().push(message);
        Ok(())
    }
}

impl Kept {
    fn all(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn book(kept: &Kept) -> Arc<Rulebook> {
    let mut catalogue = Catalogue::new();
    let load = |text: &str, catalogue: &mut Catalogue| {
        let mut loader = Loader::new(LoaderConfig::default());
        loader.load("r.yaml", text, catalogue);
        loader.finish()
    };
    let (rules, none) = (load(RULES, &mut catalogue), load("", &mut catalogue));
    let labels: Vec<Labels> = rules.rules().iter().map(Labels::of).collect();
    let channels: Vec<Box<dyn Channel>> = vec![Box::new(kept.clone())];
    Arc::new(Rulebook {
        matching: Matching::All,
        tally: Arc::new(Tally::new(
            labels.iter().map(|labels| Arc::clone(&labels.name)),
        )),
        labels,
        outputs: Outputs::start(Options::default(), channels, |_| {}).unwrap(),
        fields: false,
        routing: Routing::new(Vec::new(), none),
        time_field: "evt.time",
        catalogue,
        rules: rules.into(),
    })
}

/// A change of directory.
fn moved(number: u64) -> Vec<u8> {
    Builder::new(codes::SYSCALL_CHDIR_X, 1_000 + number, 42)
        .i64(0)
        .str(format!("/{number}").as_bytes())
        .finish()
}

#[test]
fn an_event_that_waited_sees_what_was_told_meanwhile() {
    let mut state = State::default();
    state.add_thread(Thread {
        tid: 42,
        pid: 42,
        ptid: 1,
        cgroups: format!("cpu=/docker/{ID}\0").as_bytes().into(),
        ..Thread::default()
    });
    state.settle();
    let kept = Kept::default();
    let book = book(&kept);
    let mut judge = Judge::new(&book, Context::default());
    let mut crew = Crew::start(3, &book, &judge, &mut state).unwrap();
    let mut take = |crew: &mut Crew, number: u64, now: bool| {
        let bytes = moved(number);
        let event = Event::parse(&bytes).unwrap();
        let delivery = Delivery {
            event,
            number,
            cpu: 0,
        };
        judge.note(&event);
        let subject = state.apply(&event);
        crew.applied(&delivery, state.take_answers());
        if now && !crew.takes(&delivery) {
            judge.assert(&delivery, subject, &state, |_, alert, routes| {
                crew.raise(alert, routes);
            });
        }
    };
    // Enough that batches end in between.
    for number in 1..=2_000 {
        take(&mut crew, number, true);
    }
    take(&mut crew, 2_001, false);
    let json = format!(r#"{{"container":{{"type":11,"id":"{ID}","name":"web"}}}}"#);
    crew.told(json.as_bytes());
    let waited = moved(2_001);
    let waited = Delivery {
        event: Event::parse(&waited).unwrap(),
        number: 2_001,
        cpu: 0,
    };
    crew.batch.handed = true;
    assert!(crew.takes(&waited));
    crew.settle();
    assert!(!crew.is_broken());
    crew.finish();
    drop(judge);
    Arc::into_inner(book).unwrap().outputs.finish();
    let mut want: Vec<String> = (1..=2_000)
        .map(|number| format!("{number} <NA> {:09} /{number}/", number - 1))
        .collect();
    want.push("2001 web 000002000 /2001/".to_owned());
    let kept = kept.all();
    let differ = kept.iter().zip(&want).find(|(kept, want)| kept != want);
    assert_eq!(differ, None);
    assert_eq!(kept.len(), want.len());
}
