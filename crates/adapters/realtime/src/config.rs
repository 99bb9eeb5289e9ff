//! Every bound and every patience of the live connection, with its default.

use std::time::Duration;

/// How sockets are bounded and how long is waited for what. Durations are fields so that tests need not wait.
#[derive(Debug, Clone)]
pub struct RealtimeConfig {
    /// How long a new socket may stay silent before it must have sent `auth`.
    pub auth_patience: Duration,
    /// How long letting somebody in may take before they are told to come back.
    pub door_patience: Duration,
    /// A ping each so often.
    pub ping_every: Duration,
    /// So many pings in a row may stay unanswered.
    pub unanswered_pings: u8,
    /// How long the other side has to take the close frame and answer it.
    pub close_patience: Duration,
    /// How often everything that is due by time is looked at.
    pub sweep_every: Duration,
    /// The largest first message, in bytes.
    pub first_message_bytes: usize,
    /// The largest message, in one frame or in pieces, in bytes.
    pub message_bytes: usize,
    /// So many messages are listened to in a window.
    pub messages: u32,
    /// The window.
    pub message_window: Duration,
    /// After so many ignored ones in a window the socket is ended.
    pub ignored_messages: u32,
    /// So many frames may wait for a socket.
    pub queue_frames: usize,
    /// So many bytes may wait for a socket.
    pub queue_bytes: usize,
    /// Sockets of one address that are not let in yet.
    pub strangers_per_address: u32,
    /// Sockets of one account.
    pub sockets_per_account: usize,
    /// Sockets of this process.
    pub sockets: u64,
    /// How many sockets may read missed events from the log at a time.
    pub replays: usize,
    /// How many missed events are read at a time.
    pub replay_page: u64,
    /// How long a socket that catches up may take nothing.
    pub replay_patience: Duration,
    /// Subscriptions of one socket.
    pub subscriptions: usize,
    /// A hostel with more sockets than this is served by as many tasks as there are cores.
    pub fan_out_at: usize,
    /// How often comings and goings are written down.
    pub presence_flush: Duration,
    /// How often it is confirmed that this node's people are still here.
    pub presence_heartbeat: Duration,
    /// Whoever was not confirmed for so long is not here.
    pub presence_lost: Duration,
    /// How often the hostels in which somebody watches are looked at.
    pub presence_poll: Duration,
}

impl Default for RealtimeConfig {
    fn default() -> Self {
        Self {
            auth_patience: Duration::from_secs(3),
            door_patience: Duration::from_secs(10),
            ping_every: Duration::from_secs(25),
            unanswered_pings: 2,
            close_patience: Duration::from_secs(2),
            sweep_every: Duration::from_millis(500),
            first_message_bytes: 4 * 1024,
            message_bytes: 64 * 1024,
            messages: 100,
            message_window: Duration::from_mins(1),
            ignored_messages: 100,
            queue_frames: 256,
            queue_bytes: 1024 * 1024,
            strangers_per_address: 100,
            sockets_per_account: 20,
            sockets: 50_000,
            replays: 32,
            replay_page: 64,
            replay_patience: Duration::from_secs(30),
            subscriptions: 100,
            fan_out_at: 512,
            presence_flush: Duration::from_millis(500),
            presence_heartbeat: Duration::from_secs(30),
            presence_lost: Duration::from_secs(90),
            presence_poll: Duration::from_secs(1),
        }
    }
}
