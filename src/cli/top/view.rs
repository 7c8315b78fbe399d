//! Drawing: from a [`Screen`] to the cells of a terminal of any size.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::screen::{Mood, Order, Row, Screen, Table};

/// Names keep at least so much, however narrow the terminal.
const NARROWEST_NAME: usize = 12;

/// In a terminal that is lower, no line of facts goes on in the next: the tables need the room.
const LOW: u16 = 20;

/// Between two facts of a line.
const GAP: &str = "   ";

/// How the last attempt to read went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// What is shown is what is.
    Live,
    /// What is shown stays until it is asked to go on.
    Paused,
    /// Nobody answers; for how long, and why. Cleaned.
    Away(String),
}

/// A picture to draw.
pub(super) struct View<'a> {
    /// Where it comes from. Cleaned.
    pub(super) address: &'a str,
    /// How the last attempt went.
    pub(super) state: &'a State,
    /// What was last read; nothing before the first answer.
    pub(super) screen: Option<&'a Screen>,
    /// By what rows are sorted.
    pub(super) order: Order,
    /// Whether the keys are told of.
    pub(super) keys: bool,
}

impl View<'_> {
    /// The lines in which nothing has to be left out at `width`.
    pub(super) fn height(&self, width: u16) -> u16 {
        let tables = self.screen.map_or(0, |screen| screen.tables.iter().map(|table| table.rows.len() + 2).sum());
        u16::try_from(self.head(width, true).len() + 1 + tables + usize::from(self.keys)).unwrap_or(u16::MAX)
    }

    fn head(&self, width: u16, wrap: bool) -> Vec<Line<'_>> {
        let (state, mood) = match self.state {
            State::Live => ("live", Mood::Calm),
            State::Paused => ("paused", Mood::Wary),
            State::Away(reason) => (reason.as_str(), Mood::Alarmed),
        };
        let mut lines = vec![Line::from(vec![
            Span::styled(self.address, Style::new().add_modifier(Modifier::BOLD)),
            Span::raw(GAP),
            Span::styled(state, style(mood)),
        ])];
        for facts in self.screen.map(|screen| &screen.facts).into_iter().flatten() {
            let mut line = Line::default();
            for fact in facts {
                let name = Span::styled(fact.name, Style::new().add_modifier(Modifier::DIM));
                let value = Span::styled(fact.value.as_str(), style(fact.mood));
                let needed = line.width() + name.width() + value.width() + 1;
                if wrap && line.width() > 0 && needed > usize::from(width) {
                    lines.push(std::mem::take(&mut line));
                }
                [name, Span::raw(" "), value, Span::raw(GAP)].into_iter().for_each(|span| line.push_span(span));
            }
            lines.push(line);
        }
        lines
    }

    fn foot(&self) -> Line<'static> {
        let by = match self.order {
            Order::Rate => "rate",
            Order::Total => "total",
            Order::Name => "name",
        };
        let text = format!("q quit   r rate   t total   n name   space pause   sorted by {by}");
        Line::styled(text, Style::new().add_modifier(Modifier::DIM))
    }
}

impl Widget for &View<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let mut pen = Pen { area, at: 0, buffer };
        self.head(area.width, area.height >= LOW).iter().for_each(|line| pen.line(line));
        pen.skip();
        let left = usize::from(area.height.saturating_sub(pen.at)).saturating_sub(usize::from(self.keys));
        let tables = self.screen.map_or(&[][..], |screen| &screen.tables);
        for (table, height) in tables.iter().zip(heights(tables, left)) {
            draw(table, height, &mut pen);
        }
        if self.keys {
            pen.at = area.height.saturating_sub(1);
            pen.line(&self.foot());
        }
    }
}

/// Writes lines from top to bottom, and none beyond the area.
struct Pen<'a> {
    area: Rect,
    at: u16,
    buffer: &'a mut Buffer,
}

impl Pen<'_> {
    fn line(&mut self, line: &Line<'_>) {
        if self.at < self.area.height {
            self.buffer.set_line(self.area.x, self.area.y + self.at, line, self.area.width);
        }
        self.skip();
    }

    fn skip(&mut self) {
        self.at = self.at.saturating_add(1);
    }
}

/// How many lines each table gets of `left`: what it needs where all fit; otherwise each a fair part, and what one does not need goes to
/// the later ones. Its heading and the line between are among them.
fn heights(tables: &[Table], mut left: usize) -> Vec<usize> {
    let mut heights = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let later: usize = tables[at + 1..].iter().map(|table| table.rows.len() + 2).sum();
        let fair = left / (tables.len() - at);
        let height = (table.rows.len() + 2).min(fair.max(left.saturating_sub(later)));
        heights.push(height);
        left -= height;
    }
    heights
}

fn draw(table: &Table, height: usize, pen: &mut Pen<'_>) {
    // Without room for a row, a heading says nothing.
    let Some(room) = height.checked_sub(2).filter(|room| *room > 0) else {
        return;
    };
    let widths: Vec<usize> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let widest = table.rows.iter().map(|row| row.cells[at].chars().count()).max().unwrap_or_default();
            widest.max(column.len()) + 2
        })
        .collect();
    let name = usize::from(pen.area.width).saturating_sub(widths.iter().sum()).max(NARROWEST_NAME);
    let shown = table.rows.len().min(room);
    let mut heading = table.heading.to_owned();
    if shown < table.rows.len() {
        heading += &format!(" {shown}/{}", table.rows.len());
    }
    let heading = format!("{heading:<name$}{}", aligned(table.columns.iter().copied(), &widths));
    pen.line(&Line::styled(heading, Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)));
    for row in &table.rows[..shown] {
        pen.line(&line(row, name, &widths));
    }
    pen.skip();
}

fn line(row: &Row, name: usize, widths: &[usize]) -> Line<'static> {
    let mut shown: String = row.name.as_str().chars().take(name).collect();
    if row.name.as_str().chars().count() > name {
        shown.pop();
        shown.push('…');
    }
    let cells = aligned(row.cells.iter().map(String::as_str), widths);
    Line::styled(format!("{shown:<name$}{cells}"), style(row.mood))
}

fn aligned<'a>(cells: impl Iterator<Item = &'a str>, widths: &[usize]) -> String {
    cells.zip(widths).map(|(cell, width)| format!("{cell:>width$}")).collect()
}

fn style(mood: Mood) -> Style {
    match mood {
        Mood::Calm => Style::new(),
        Mood::Wary => Style::new().fg(Color::Yellow),
        Mood::Alarmed => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
    }
}

/// The picture as text, without colours and without blanks at the ends of lines.
pub(super) fn text(view: &View<'_>, width: u16) -> String {
    let area = Rect::new(0, 0, width, view.height(width));
    let mut buffer = Buffer::empty(area);
    view.render(area, &mut buffer);
    let mut text = String::new();
    for row in buffer.content().chunks(usize::from(width.max(1))) {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}
