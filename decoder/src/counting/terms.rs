//! Terms: the functions of known pixels that contexts and selectors consist of (model-format.md, M6).

use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::json::Json;

pub const SECTION: &str = "model-format.md, M6";

/// A pixel k planes before, dr rows below and dq columns to the right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    pub k: usize,
    pub dr: i32,
    pub dq: i32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Scale {
    Range { shift: u32, low: i32, high: i32 },
    Steps(Vec<i32>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Where {
    Row,
    Column,
    Channel,
    Candidate,
    Prediction,
    Unit,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    Pixel { spot: Spot, shift: u32 },
    Sum { summands: Vec<(Spot, i32)>, scale: Scale },
    Place { place: Where, shift: u32, most: u32 },
    Equal(Spot),
}

/// The kinds of terms that are allowed at a place of the description.
#[derive(Clone, Copy)]
pub struct Allowed {
    pub lag: i64,
    /// Terms that use the candidate.
    pub candidate: bool,
    /// The places `prediction` and `unit`.
    pub prediction: bool,
}

/// The surroundings of a pixel.
pub struct View<'a> {
    pub field: &'a Field,
    /// The place of the pixel in the field.
    pub place: usize,
    pub r: usize,
    pub q: usize,
    pub channel: usize,
    /// The candidate, or the number of levels of x.
    pub candidate: u32,
    pub prediction: u32,
    pub unit: u32,
}

/// The symbols of the last planes of an item; 0 outside of them.
pub struct Field {
    /// The last plane first.
    planes: Vec<Vec<u16>>,
    /// A plane of zeros, for missing planes.
    none: Vec<u16>,
    stride: usize,
}

const MARGIN: usize = 15;

impl Field {
    /// `depth`: the greatest k of any term.
    pub fn new(rows: usize, columns: usize, planes: usize, depth: usize) -> Field {
        let stride = columns + 2 * MARGIN;
        let plane = vec![0; (rows + 2 * MARGIN) * stride];
        let kept = (depth + 1).min(planes);
        let none = if kept < depth + 1 { plane.clone() } else { Vec::new() };
        Field { planes: vec![plane; kept], none, stride }
    }

    /// Makes room for the next plane.
    pub fn begin(&mut self) {
        self.planes.rotate_right(1);
        self.planes[0].fill(0);
    }

    pub fn set(&mut self, r: usize, q: usize, symbol: u16) {
        let place = self.index(r, q);
        self.planes[0][place] = symbol;
    }

    #[inline]
    pub fn index(&self, r: usize, q: usize) -> usize {
        (r + MARGIN) * self.stride + q + MARGIN
    }

    /// The symbol at a spot relative to a place.
    #[inline]
    fn at(&self, place: usize, spot: Spot) -> u32 {
        let place = place as isize + spot.dr as isize * self.stride as isize + spot.dq as isize;
        let plane = self.planes.get(spot.k).unwrap_or(&self.none);
        u32::from(plane[place as usize])
    }
}

impl View<'_> {
    #[inline]
    pub fn at(&self, spot: Spot) -> u32 {
        self.field.at(self.place, spot)
    }
}

pub fn log2_up(n: u64) -> u32 {
    64 - n.saturating_sub(1).leading_zeros()
}

impl Scale {
    #[inline]
    fn value(&self, sum: i32) -> u32 {
        match self {
            Scale::Range { shift, low, high } => ((sum >> shift).clamp(*low, *high) - low) as u32,
            Scale::Steps(steps) => steps.iter().map(|&step| u32::from(step <= sum)).sum(),
        }
    }

    fn count(&self) -> u32 {
        match self {
            Scale::Range { low, high, .. } => (high - low) as u32 + 1,
            Scale::Steps(steps) => steps.len() as u32 + 1,
        }
    }
}

impl Term {
    #[inline]
    pub fn value(&self, view: &View) -> u32 {
        match self {
            Term::Pixel { spot, shift } => view.at(*spot) >> shift,
            Term::Sum { summands, scale } => {
                scale.value(summands.iter().map(|&(spot, weight)| weight * view.at(spot) as i32).sum())
            }
            Term::Place { place, shift, most } => {
                let value = match place {
                    Where::Row => view.r as u32,
                    Where::Column => view.q as u32,
                    Where::Channel => view.channel as u32,
                    Where::Candidate => view.candidate,
                    Where::Prediction => view.prediction,
                    Where::Unit => view.unit,
                };
                (value >> shift).min(*most)
            }
            Term::Equal(spot) => u32::from(view.at(*spot) == view.candidate),
        }
    }

    /// n, for an x with `levels` levels.
    pub fn count(&self, levels: u32) -> u32 {
        match self {
            Term::Pixel { shift, .. } => ((levels - 1) >> shift) + 1,
            Term::Sum { scale, .. } => scale.count(),
            Term::Place { most, .. } => most + 1,
            Term::Equal(_) => 2,
        }
    }

    pub fn bits(&self, levels: u32) -> u32 {
        log2_up(self.count(levels).into())
    }

    /// The greatest k.
    pub fn depth(&self) -> usize {
        match self {
            Term::Pixel { spot, .. } | Term::Equal(spot) => spot.k,
            Term::Sum { summands, .. } => summands.iter().map(|(spot, _)| spot.k).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// The number of summands for the cost (model-format.md, M9).
    pub fn summands(&self) -> u64 {
        match self {
            Term::Sum { summands, .. } => summands.len() as u64,
            _ => 1,
        }
    }

    pub fn read(json: &Json, allowed: Allowed) -> Result<Term> {
        if let Json::List(list) = json {
            demand(list.len() == 4, "a term does not have 4 entries", SECTION)?;
            let shift = list[3].integer(0, 15, "a shift")? as u32;
            return Ok(Term::Pixel { spot: read_spot(&list[..3], allowed.lag)?, shift });
        }
        let mut fields = json.fields("a term")?;
        let term = if let Some(sum) = fields.optional("sum") {
            let mut summands = Vec::new();
            for summand in sum.list_of(1, 16, "a sum")? {
                let summand = summand.list_of(4, 4, "a summand")?;
                let weight = summand[3].integer(-64, 64, "a weight")? as i32;
                summands.push((read_spot(&summand[..3], allowed.lag)?, weight));
            }
            Term::Sum { summands, scale: read_scale(&mut fields)? }
        } else if let Some(spot) = fields.optional("equal").filter(|_| allowed.candidate) {
            Term::Equal(read_spot(spot.list_of(3, 3, "a pixel")?, allowed.lag)?)
        } else {
            let place = match fields.text("place")? {
                "row" => Where::Row,
                "column" => Where::Column,
                "channel" => Where::Channel,
                "candidate" if allowed.candidate => Where::Candidate,
                "prediction" if allowed.prediction => Where::Prediction,
                "unit" if allowed.prediction => Where::Unit,
                place => return refuse(format!("the place {place:?} is not allowed here"), SECTION),
            };
            let shift = fields.integer("shift", 0, 15)? as u32;
            Term::Place { place, shift, most: fields.integer("most", 0, 65535)? as u32 }
        };
        fields.end()?;
        Ok(term)
    }
}

fn read_scale(fields: &mut crate::foundations::json::Fields) -> Result<Scale> {
    const MOST: i64 = 1 << 20;
    if let Some(steps) = fields.optional("steps") {
        let steps = steps.integers_up_to(255, -MOST, MOST, "steps")?;
        demand(steps.windows(2).all(|pair| pair[0] < pair[1]), "steps are not ascending", SECTION)?;
        return Ok(Scale::Steps(steps.iter().map(|&step| step as i32).collect()));
    }
    let shift = fields.integer("shift", 0, 15)? as u32;
    let [low, high] = fields.take("range")?.integers(-MOST, MOST, "range")?;
    demand((0..1 << 16).contains(&(high - low)), "a range is too large, or reversed", SECTION)?;
    Ok(Scale::Range { shift, low: low as i32, high: high as i32 })
}

/// Reads a pixel [k, dr, dq], which must be known with this lag.
pub fn read_spot(list: &[Json], lag: i64) -> Result<Spot> {
    let k = list[0].integer(0, 15, "a plane of a term")?;
    let dr = list[1].integer(-15, 15, "a row of a term")?;
    let dq = list[2].integer(-15, 15, "a column of a term")?;
    let known = k > 0 || (dr < 0 && dq < -dr * lag) || (dr == 0 && dq < 0);
    demand(known, "a term uses a pixel that is coded later", SECTION)?;
    Ok(Spot { k: k as usize, dr: dr as i32, dq: dq as i32 })
}
