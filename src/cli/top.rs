//! `inkprint top`: how a running service is, on a terminal, from its metrics alone.
//!
//! What is shown are names of metrics, label values and numbers. No line of a log is in the metrics; and a label value, which can hold a name
//! that somebody chose to do harm with, is cleaned by [`shown`] as it is read, so that nothing of it can reach the terminal as a command.

mod admin;
mod exposition;
mod reading;
mod screen;
mod shown;
mod view;

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use zeroize::Zeroizing;

use self::admin::{Address, Admin, AdminError, Tls};
use self::exposition::Sample;
use self::reading::{Between, Reading};
use self::screen::{Order, Screen};
use self::shown::Shown;
use self::view::{State, View};
use super::print::print;
use crate::control::wiped;

/// A token is no longer than this, in bytes.
const LONGEST_TOKEN: usize = 64 << 10;

/// How long a key may wait to be heard.
const HEARING: Duration = Duration::from_millis(100);

/// How wide one picture is where there is no terminal.
const WIDTH: u16 = 100;

/// Watch a running service: lines, matches, sources, sinks, and what is not as it should be
///
/// Reads the metrics of the service's admin address. It shows names and numbers only; no line of a log is in the metrics. Keys: q
/// quits; r, t and n sort by rate, total and name; space pauses.
#[derive(Debug, clap::Args)]
pub struct TopArgs {
    /// The service's admin address: http://HOST:PORT, https://HOST:PORT or unix:PATH
    #[arg(long, value_name = "ADDR", default_value = "http://127.0.0.1:9640", value_parser = Address::parse)]
    admin: Address,
    /// Read the token for the admin address from this environment variable
    #[arg(long, value_name = "NAME", conflicts_with = "token_file")]
    token_env: Option<String>,
    /// Read the token for the admin address from this file
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Trust the certificate authorities in this file of PEM, and no others
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Show the admin address this client certificate, of PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The private key of --certificate
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Ask so often: 500ms, 1s, 1m
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// Print one picture as plain text, of what happens within one interval, and end
    #[arg(long)]
    once: bool,
}

/// Runs `top`.
///
/// # Errors
/// When the terminal cannot be used, or with `--once` nobody answers.
pub fn run(args: TopArgs) -> anyhow::Result<ExitCode> {
    let tls = Tls { authorities: args.ca.clone(), identity: args.certificate.clone().zip(args.key.clone()) };
    let address = Shown::new(&args.admin.to_string());
    let admin = Admin::new(args.admin.clone(), token(&args)?, &tls)?;
    if args.once {
        return once(&admin, &address, args.interval);
    }
    if !io::stdout().is_terminal() {
        bail!("standard output is no terminal: with --once, one picture is printed as text");
    }
    watch(admin, &address, args.interval)
}

/// One picture, of two readings an interval apart.
fn once(admin: &Admin, address: &Shown, interval: Duration) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let ask = || -> anyhow::Result<Reading> {
        let samples = admin.ask().map_err(|error| anyhow!("{}", Shown::new(&error.to_string())));
        Ok(Reading::new(samples.with_context(|| format!("{address} cannot be asked"))?, start.elapsed()))
    };
    let before = ask()?;
    thread::sleep(interval);
    let now = ask()?;
    let screen = Screen::new(Between { now: &now, before: Some(&before) }, Order::Rate, clock());
    let view =
        View { address: address.as_str(), state: &State::Live, screen: Some(&screen), order: Order::Rate, keys: false };
    print(&view::text(&view, WIDTH))?;
    Ok(ExitCode::SUCCESS)
}

/// Draws until it is told to quit.
fn watch(admin: Admin, address: &Shown, interval: Duration) -> anyhow::Result<ExitCode> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot handle signals")?;
    }
    let answers = ask_for_ever(admin, interval)?;
    let mut terminal = ratatui::try_init().context("the terminal cannot be used")?;
    let outcome = draw(&mut terminal, &answers, address, &stop);
    ratatui::try_restore().context("the terminal cannot be given back")?;
    outcome?;
    Ok(ExitCode::SUCCESS)
}

fn draw(
    terminal: &mut ratatui::DefaultTerminal,
    answers: &Receiver<Answer>,
    address: &Shown,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let mut watched = Watched::new();
    while !stop.load(Ordering::Relaxed) {
        match answers.try_recv() {
            Ok(answer) => watched.take(answer),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => bail!("the service is asked no more"),
        }
        let (screen, state) = (watched.screen(clock()), watched.state());
        let view = View {
            address: address.as_str(),
            state: &state,
            screen: screen.as_ref(),
            order: watched.order,
            keys: true,
        };
        terminal.draw(|frame| frame.render_widget(&view, frame.area())).context("the terminal cannot be written")?;
        if event::poll(HEARING).context("the terminal cannot be read")? {
            // A change of size is an event too, after which all is drawn anew.
            if let Event::Key(key) = event::read().context("the terminal cannot be read")?
                && watched.press(key)
            {
                break;
            }
        }
    }
    Ok(())
}

/// An answer, or why there is none, and when.
type Answer = (Instant, Result<Vec<Sample>, AdminError>);

/// Asks on a thread of its own, so that a service that does not answer cannot keep a key from being heard. It ends when nobody listens.
fn ask_for_ever(admin: Admin, interval: Duration) -> anyhow::Result<Receiver<Answer>> {
    let (answers, listener): (SyncSender<Answer>, _) = sync_channel(1);
    let ask = move || {
        while answers.send((Instant::now(), admin.ask())).is_ok() {
            thread::sleep(interval);
        }
    };
    thread::Builder::new().name("ask".to_owned()).spawn(ask).context("cannot start a thread")?;
    Ok(listener)
}

/// What has been read so far, and what the keys have chosen.
struct Watched {
    start: Instant,
    before: Option<Reading>,
    now: Option<Reading>,
    /// Since when nobody answers, and why.
    away: Option<(Instant, Shown)>,
    order: Order,
    paused: bool,
}

impl Watched {
    fn new() -> Self {
        Self { start: Instant::now(), before: None, now: None, away: None, order: Order::Rate, paused: false }
    }

    fn take(&mut self, (at, answer): Answer) {
        match answer {
            Ok(_) if self.paused => {}
            Ok(samples) => {
                self.away = None;
                self.before = self.now.replace(Reading::new(samples, at.saturating_duration_since(self.start)));
            }
            Err(error) => {
                let since = self.away.as_ref().map_or(at, |(since, _)| *since);
                self.away = Some((since, Shown::new(&error.to_string())));
            }
        }
    }

    fn screen(&self, clock: f64) -> Option<Screen> {
        let between = Between { now: self.now.as_ref()?, before: self.before.as_ref() };
        Some(Screen::new(between, self.order, clock))
    }

    fn state(&self) -> State {
        match (&self.away, self.paused, &self.now) {
            (Some((since, reason)), ..) => {
                State::Away(format!("no answer for {}s: {reason}", since.elapsed().as_secs()))
            }
            (None, true, _) => State::Paused,
            (None, false, None) => State::Away("asking".to_owned()),
            (None, false, Some(_)) => State::Live,
        }
    }

    /// Does what a key asks for; whether it is to quit.
    fn press(&mut self, key: KeyEvent) -> bool {
        if key.kind == KeyEventKind::Release {
            return false;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => return true,
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('r') => self.order = Order::Rate,
            KeyCode::Char('t') => self.order = Order::Total,
            KeyCode::Char('n') => self.order = Order::Name,
            KeyCode::Char(' ' | 'p') => self.paused = !self.paused,
            _ => {}
        }
        false
    }
}

/// Seconds of Unix time.
fn clock() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The token that was given, by reference; never on the command line.
fn token(args: &TopArgs) -> anyhow::Result<Option<Zeroizing<String>>> {
    let text = match (&args.token_env, &args.token_file) {
        (Some(name), _) => {
            let value = env::var(name).with_context(|| format!("--token-env: the variable {name} holds no text"))?;
            Zeroizing::new(value.into_bytes())
        }
        (None, Some(path)) => {
            let file =
                File::open(path).with_context(|| format!("--token-file: {} cannot be opened", path.display()))?;
            let read = wiped::read_to_end(file, LONGEST_TOKEN);
            read.map_err(|_| anyhow!("--token-file: {} cannot be read, or holds more than a token", path.display()))?
        }
        (None, None) => return Ok(None),
    };
    let text = std::str::from_utf8(&text).unwrap_or_default().trim_end_matches(['\r', '\n']);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("the token for the admin address is empty, or has blanks or other odd characters in it");
    }
    Ok(Some(Zeroizing::new(text.to_owned())))
}

fn interval(text: &str) -> Result<Duration, String> {
    let fault = || "a time from 10ms to 1h, such as 500ms, 1s or 1m".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| fault())?;
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(fault()),
    };
    let milliseconds = number.checked_mul(unit).filter(|time| (10..=3_600_000).contains(time)).ok_or_else(fault)?;
    Ok(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    /// A service's page, with a source whose name is made to do harm.
    fn page() -> String {
        include_str!("top/page.txt").replace("EVIL", "evil\x1b[2J\x07\u{202e}")
    }

    fn answer(page: &str, at: Instant) -> Answer {
        (at, Ok(exposition::parse(page).expect("a page")))
    }

    /// The page two seconds later: what was counted has grown by a tenth.
    fn later(page: &str) -> String {
        let grown = |line: &str| {
            let (name, value) = line.rsplit_once(' ').expect("a sample");
            let value: f64 = value.parse().expect("a number");
            let is_counter = name.split('{').next().is_some_and(|name| name.ends_with("_total"));
            format!("{name} {}\n", if is_counter { (value * 1.1).round() } else { value })
        };
        page.lines().filter(|line| !line.starts_with('#')).map(grown).collect()
    }

    /// When the page was read.
    const CLOCK: f64 = 1_800_000_000.0;

    fn watched() -> Watched {
        let mut watched = Watched::new();
        watched.take(answer(&page(), watched.start));
        watched.take(answer(&later(&page()), watched.start + Duration::from_secs(2)));
        watched
    }

    fn drawn(watched: &Watched, width: u16, height: u16) -> String {
        let (screen, state) = (watched.screen(CLOCK), watched.state());
        let view = View {
            address: "http://127.0.0.1:9640",
            state: &state,
            screen: screen.as_ref(),
            order: watched.order,
            keys: true,
        };
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it is in memory");
        terminal.draw(|frame| frame.render_widget(&view, frame.area())).expect("it is in memory");
        let buffer = terminal.backend().buffer();
        let lines = buffer.content().chunks(usize::from(width));
        let lines: Vec<String> =
            lines.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()).collect();
        assert!(!lines.concat().contains(char::is_control), "{lines:?}");
        lines.join("\n") + "\n"
    }

    #[test]
    fn a_picture_is_as_it_was_agreed_on() {
        assert_eq!(drawn(&watched(), 100, 24), include_str!("top/picture.txt"));
    }

    #[test]
    fn a_low_and_narrow_terminal_shows_what_matters_most() {
        for (width, height) in [(40, 10), (20, 6), (1, 1), (200, 3)] {
            let picture = drawn(&watched(), width, height);
            assert_eq!(picture.lines().count(), usize::from(height));
        }
        let picture = drawn(&watched(), 60, 15);
        assert!(picture.contains("siem") && picture.contains("down"), "{picture}");
        assert!(picture.contains("SINK 1/2"), "{picture}");
    }

    #[test]
    fn keys_sort_and_pause_and_quit() {
        let mut watched = watched();
        let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
        let first = |watched: &Watched| {
            let screen = watched.screen(CLOCK).expect("read");
            let rules = screen.tables.iter().find(|table| table.heading == "RULE").expect("some");
            rules.rows[0].name.to_string()
        };
        assert_eq!(first(&watched), "url-password");
        assert!(!watched.press(key(KeyCode::Char('n'))));
        assert_eq!(first(&watched), "aws-access-key-id");
        watched.press(key(KeyCode::Char('t')));
        assert_eq!(first(&watched), "url-password");
        watched.press(key(KeyCode::Char(' ')));
        assert_eq!(watched.state(), State::Paused);
        let before = drawn(&watched, 80, 30);
        watched.take(answer("up 1\n", watched.start + Duration::from_secs(4)));
        assert_eq!(drawn(&watched, 80, 30), before);
        assert!(watched.press(key(KeyCode::Char('q'))));
        assert!(watched.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
    }

    #[test]
    fn a_service_that_is_away_is_told_and_comes_back() {
        let mut watched = Watched::new();
        assert!(drawn(&watched, 80, 10).contains("asking"));
        watched.take((Instant::now(), Err(AdminError::Away("refused\x1b[2J".to_owned()))));
        let picture = drawn(&watched, 80, 10);
        assert!(picture.contains("no answer for 0s: refused?[2J"), "{picture}");
        watched.take(answer(&page(), watched.start + Duration::from_secs(1)));
        assert_eq!(watched.state(), State::Live);
        watched.take((Instant::now(), Err(AdminError::Status(500))));
        let picture = drawn(&watched, 80, 30);
        assert!(picture.contains("no answer") && picture.contains("siem"), "what was known stays: {picture}");
    }

    #[test]
    fn intervals_are_read_or_refused() {
        for (text, time) in [("1s", 1000), ("250ms", 250), ("2", 2000), ("1m", 60_000), ("1h", 3_600_000)] {
            assert_eq!(interval(text), Ok(Duration::from_millis(time)));
        }
        for bad in ["", "s", "0s", "5ms", "2h", "1 s", "-1s", "1.5s", "99999999999999999999s"] {
            assert!(interval(bad).is_err(), "{bad}");
        }
    }
}
