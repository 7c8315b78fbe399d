//! The quarantine of the service: where lines go that are withheld.

use jiff::Timestamp;

use crate::control::config::Config;
use crate::control::metrics::Metrics;
use crate::control::quarantine::{Quarantine, QuarantineError, Recipient, Settings};
use crate::pipeline::detention::Detaining;

/// A quarantine that is open, if the configuration asks for one.
pub(super) struct Keeping {
    quarantine: Option<Quarantine>,
    detaining: Option<Detaining>,
}

impl Keeping {
    /// Opens it.
    ///
    /// # Errors
    /// When its directory cannot be used.
    pub(super) fn start(config: &Config, metrics: &Metrics) -> Result<Self, QuarantineError> {
        let Some(quarantine) = &config.quarantine else { return Ok(Self { quarantine: None, detaining: None }) };
        let settings = Settings {
            directory: quarantine.directory.clone(),
            recipient: Recipient::parse(&quarantine.recipient)?,
            max_bytes: quarantine.max_size,
        };
        let (lines, quarantine) = metrics.record(|| Quarantine::start(settings, |error| tracing::error!("{error}")))?;
        let most = config.sources.values().map(|source| source.max_line).max().unwrap_or(config.limits.max_line);
        let detaining = Detaining { quarantine: lines, clock: || Timestamp::now().as_second(), most };
        Ok(Self { quarantine: Some(quarantine), detaining: Some(detaining) })
    }

    /// How the data path hands lines over.
    pub(super) fn detaining(&self) -> Option<&Detaining> {
        self.detaining.as_ref()
    }

    /// Waits until all is written; what was not kept was told.
    pub(super) fn finish(self) {
        drop(self.detaining);
        if let Some(quarantine) = self.quarantine {
            let kept = quarantine.finish();
            if kept.kept() + kept.not_kept() > 0 {
                tracing::info!(kept = kept.kept(), not_kept = kept.not_kept(), "withheld lines, by the quarantine");
            }
        }
    }
}
