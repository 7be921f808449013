//! What the state counts of itself.

/// How often what happened, since the start. Upstream's metrics have these figures under the names in the comments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Threads added (`n_added_threads`).
    pub threads_added: u64,
    /// Threads removed (`n_removed_threads`).
    pub threads_removed: u64,
    /// Threads that found no room (`n_drops_full_threadtable`).
    pub threads_dropped: u64,
    /// Threads looked up by the events that happened in them (`n_noncached_thread_lookups`).
    pub thread_lookups: u64,
    /// Those that were not there (`n_failed_thread_lookups`).
    pub threads_missing: u64,
    /// Of those, threads then found in `/proc`.
    pub threads_recovered: u64,
    /// Descriptors added (`n_added_fds`).
    pub fds_added: u64,
    /// Descriptors removed (`n_removed_fds`).
    pub fds_removed: u64,
    /// Descriptors that found no room.
    pub fds_dropped: u64,
    /// Descriptors looked up by the events that used them (`n_noncached_fd_lookups`).
    pub fd_lookups: u64,
    /// Those that were not there (`n_failed_fd_lookups`).
    pub fds_missing: u64,
    /// Entries into calls kept for their ends (`n_stored_evts`).
    pub enters_kept: u64,
    /// Those of unknown threads (`n_store_evts_drops`).
    pub enters_dropped: u64,
    /// Ends that found their entry (`n_retrieved_evts`).
    pub enters_found: u64,
    /// Ends that would have liked one (`n_retrieve_evts_drops`).
    pub enters_missing: u64,
    /// How often a runtime told of a container without its image (`n_missing_container_images`).
    pub images_missing: u64,
}
