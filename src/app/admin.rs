//! Joins the admin side with what it tells of.

use std::io;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::probe::Probed;
use crate::control::admin::{self, AskReload, Listen, Pages};
use crate::control::metrics::{Metrics, Probe};
use crate::control::reload::ExpiryOf;

/// The admin side.
pub struct AdminPart {
    /// Where it is served.
    pub listen: Listen,
    /// The bearer token that is asked for.
    pub token: Option<Zeroizing<String>>,
    /// Asks for a reload, where there is a configuration.
    pub reload: Option<AskReload>,
    /// Certificates that are in force.
    pub certificates: Vec<ExpiryOf>,
}

/// Serves health and metrics until the process ends.
pub(super) fn spawn(part: AdminPart, metrics: Metrics, probed: Probed) -> io::Result<()> {
    let AdminPart { listen, token, reload, certificates } = part;
    let probed = Arc::new(probed.with_certificates(certificates));
    let measured = Arc::clone(&probed);
    let probe: Probe = Box::new(move || measured.measure());
    let render = Arc::new(move || metrics.render(&probe));
    admin::spawn(listen, Pages { render, ready: Arc::new(move || probed.ready()), reload, token })
}
