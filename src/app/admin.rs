//! Joins the admin side with what it tells of.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use super::probe::Probed;
use crate::control::admin;
use crate::control::metrics::Metrics;

/// Serves health and metrics until the process ends.
pub(super) fn spawn(listener: TcpListener, metrics: Metrics, probed: Probed) -> io::Result<()> {
    let probed = Arc::new(probed);
    let measured = Arc::clone(&probed);
    let render = Arc::new(move || {
        let measured = Arc::clone(&measured);
        let probe: crate::control::metrics::Probe = Box::new(move || measured.measure());
        metrics.render(&probe)
    });
    admin::spawn(listener, render, Arc::new(move || probed.ready()))
}
