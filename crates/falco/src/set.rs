//! What a reload replaces as a whole: the rules with all that is made for them, and the outputs.

use std::sync::Arc;

use falco_alerts::{Priority, Tally};
use falco_event::SyscallCode;
use falco_rules::Rule;
use falco_sinks::grpc::Server;
use falco_sources::probe;
use jiff::tz::TimeZone;

use crate::{
    config::Config,
    grpc,
    judge::Rulebook,
    log,
    metrics::{Frame, Reporter},
    narrow::Extra,
    outputs,
    record::Recorder,
    routing::Routing,
    run::Prepared,
};

/// A configuration with its rules, and where their alerts go.
pub(crate) struct Set {
    pub(crate) config: Config,
    pub(crate) calls: Vec<SyscallCode>,
    pub(crate) filter: Option<probe::Filter>,
    pub(crate) extra: Extra,
    pub(crate) book: Arc<Rulebook>,
    /// By how many threads rules are asked.
    pub(crate) workers: usize,
    /// Kept for as long as the set: who asks for versions needs no alerts.
    _grpc: Option<Arc<Server>>,
    pub(crate) recorder: Option<Recorder>,
    /// What metrics tell of it, if they are enabled; who tells them once in a while.
    pub(crate) frame: Option<Arc<Frame>>,
    pub(crate) reporter: Option<Reporter>,
    /// How many events there had been before it.
    pub(crate) events_before: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Labels {
    pub(crate) name: Arc<str>,
    pub(crate) source: Arc<str>,
    pub(crate) tags: Arc<[Arc<str>]>,
    pub(crate) priority: Priority,
}

impl Set {
    pub(crate) fn new(prepared: Prepared) -> anyhow::Result<Set> {
        let Prepared {
            config,
            catalogue,
            rules,
            conditions,
            calls,
            rules_files,
            filter,
            extra,
            workers,
            ..
        } = prepared;
        let labels: Vec<Labels> = rules.rules().iter().map(Labels::of).collect();
        let names = labels.iter().map(|labels| Arc::clone(&labels.name));
        let tally = Arc::new(Tally::new(names));
        let frame = || {
            let (labels, tally) = (labels.clone(), Arc::clone(&tally));
            Arc::new(Frame::new(&config, &rules_files, labels, tally))
        };
        let zone = TimeZone::system();
        let grpc = config.grpc.as_ref().map(grpc::server).transpose()?;
        let channels = outputs::channels(&config, &zone, grpc.clone())?;
        let choosy = outputs::choosy(&config, channels.len());
        let frame = config.metrics.enabled.then(frame);
        let book = Rulebook {
            matching: config.matching,
            outputs: outputs::start(&config, zone, channels)?,
            fields: config.json || config.grpc_output || !config.sinks.is_empty(),
            routing: Routing::new(choosy, conditions),
            time_field: if config.time_iso {
                "evt.time.iso8601"
            } else {
                "evt.time"
            },
            tally,
            catalogue,
            rules: Arc::new(rules),
            labels,
        };
        Ok(Set {
            book: Arc::new(book),
            workers,
            frame,
            reporter: Reporter::new(&config.metrics)?,
            events_before: 0,
            recorder: config.capture.clone().map(Recorder::new),
            _grpc: grpc,
            config,
            calls,
            filter,
            extra,
        })
    }

    pub(crate) fn stop_recording(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.close(0);
        }
    }

    /// It takes no more events.
    pub(crate) fn retire(mut self) -> Retired {
        self.stop_recording();
        Retired(self)
    }
}

/// A set that still has alerts to write.
pub(crate) struct Retired(Set);

impl Retired {
    /// Writes what is left; the closing statistics.
    pub(crate) fn finish(mut self) -> String {
        if let Some(reporter) = self.0.reporter.take() {
            reporter.finish();
        }
        let tally = Arc::clone(&self.0.book.tally);
        let mut dropped = 0;
        // Whoever judged by it has ended.
        if let Some(book) = Arc::into_inner(self.0.book) {
            dropped = book.outputs.dropped();
            book.outputs.finish();
        }
        if dropped > 0 {
            log::warning(&format!(
                "{dropped} alerts found no room in the queue and were dropped"
            ));
        }
        tally.to_string()
    }
}

impl Labels {
    pub(crate) fn of(rule: &Rule) -> Labels {
        Labels {
            name: rule.name.as_str().into(),
            source: rule.source.as_str().into(),
            tags: rule.tags.iter().map(|tag| tag.as_str().into()).collect(),
            priority: Priority::ALL
                .get(rule.priority as usize)
                .copied()
                .unwrap_or(Priority::Debug),
        }
    }
}
