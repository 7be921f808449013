//! What runtimes say of containers, and Kubernetes of pods: notifications, and the events that were in their place before.

use falco_event::{Event, codes};

use crate::{State, Subject};

/// The names of notifications.
const ADDED: &[u8] = b"container";
const REMOVED: &[u8] = b"container_removed";
const KUBERNETES: &[u8] = b"k8s";

impl State {
    pub(crate) fn told_of_container(&mut self, event: &Event<'_>, at: &mut Subject) {
        self.sweep_containers();
        at.container = if event.code() == codes::ASYNCEVENT_E {
            let json = event.param(2).unwrap_or_default();
            let container = match event.str(1) {
                Some(ADDED) => self.containers.told(json),
                Some(REMOVED) => self.containers.removed(json),
                Some(KUBERNETES) => {
                    self.kubernetes.told(json);
                    None
                }
                _ => None,
            };
            let info = container.and_then(|ix| self.containers.get(ix)?.info.as_ref());
            let nameless = info.is_some_and(|info| info.image.is_empty() && !info.is_sandbox);
            self.counters.images_missing += u64::from(nameless);
            container
        } else {
            self.containers.told(event.str(0).unwrap_or_default())
        };
    }
}

#[cfg(test)]
mod tests {
    use falco_event::Builder;

    use super::*;

    #[test]
    fn those_without_an_image_are_counted() {
        let mut state = State::default();
        for (name, about, want) in [
            (ADDED, r#""id":"a","image":"nginx""#, 0),
            (ADDED, r#""id":"b","is_pod_sandbox":true"#, 0),
            (ADDED, r#""id":"c","image":"""#, 1),
            (REMOVED, r#""id":"c""#, 2),
            (b"other", r#""id":"d""#, 2),
        ] {
            let json = format!("{{\"container\":{{{about}}}}}\0");
            let event = Builder::new(codes::ASYNCEVENT_E, 1, 0)
                .u32(0)
                .str(name)
                .bytes(json.as_bytes())
                .finish();
            state.apply(&Event::parse(&event).unwrap());
            assert_eq!(state.counters.images_missing, want, "{about}");
        }
    }
}
