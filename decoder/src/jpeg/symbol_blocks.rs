//! The coefficients of JPEG streams as symbols (jpeg-format.md, J9).

use crate::foundations::error::{demand, Result};
use crate::foundations::tables::jpeg_symbols;
use crate::jpeg::around::{smoothed, Nearby};
use crate::jpeg::levels::{natural, Block, BLOCK, INVERSE, OUTSIDE};
use crate::jpeg::markers::{Component, Frame};
use crate::jpeg::symbols::{Distribution, Symbols, QUICK, SLOW};

const SECTION: &str = "jpeg-format.md, J9";

/// The first component, and others.
const CLASSES: usize = 2;
/// Distributions of a place, in four groups, of which each coefficient has one of each.
const CONTEXTS: usize = 464;
/// The first distribution of groups by neighbours (G1) and by edges (G2).
const BY_NEIGHBOURS: usize = 3 * 64 * 16;
const BY_EDGES: usize = BY_NEIGHBOURS + CLASSES * 16 * 16 * 16;

const EVEN: Distribution =
    [18000, 2048, 4096, 6144, 8192, 10240, 12288, 14336, 16384, 18432, 20480, 22528, 24576, 26624, 28672, 30720];
const FALLING: Distribution =
    [18000, 16000, 20000, 24000, 25600, 27200, 28100, 29000, 29600, 30200, 30700, 31200, 31600, 32000, 32300, 32600];

/// The greatest magnitude.
const MOST: i32 = 32767;

/// fine(x)
fn fine(x: u32) -> usize {
    let x = x.min(1023);
    if x == 0 {
        return 0;
    }
    let lead = x.ilog2();
    let m = (x << 8) >> lead;
    (3 * lead + 1 + u32::from(m >= 323) + u32::from(m >= 406)) as usize
}

/// coarse(x)
fn coarse(x: u32) -> usize {
    (fine(x.min(255)) >> 1).min(11)
}

/// A place of a block, with numbers that depend on its step.
struct Place {
    r: usize,
    step: i32,
    /// Factors of the edges, and of the sizes inside the block and beside it.
    left: i64,
    above: i64,
    inner: u64,
    beside: u32,
}

impl Place {
    fn new(k: usize, steps: &[u16; BLOCK], nearby: &[Nearby]) -> Place {
        let r = natural(k);
        let (i, j) = (r / 8, r % 8);
        let step = i64::from(steps[r].clamp(1, 2047));
        let [x, y] = match (i, j) {
            (0, 0) => [8192, 8192],
            (0, _) => [0, 9830],
            (_, 0) => [9830, 0],
            _ => [4915, 4915],
        };
        let known: Vec<usize> = (k + 1..BLOCK).map(natural).collect();
        let all: i64 = nearby[r].places.iter().filter(|(n, _)| known.contains(n)).map(|(_, weight)| weight).sum();
        Place {
            r,
            step: step as i32,
            left: INVERSE[j] * x / step,
            above: INVERSE[i] * y / step,
            inner: (240i64 << 28).checked_div(all * step).unwrap_or(0) as u64,
            beside: 8256 / step as u32,
        }
    }
}

/// What the blocks to the right and below need of a block.
#[derive(Clone)]
struct Known {
    sizes: [i64; BLOCK],
    right: [i32; 8],
    bottom: [i32; 8],
    last: usize,
    nonzero: usize,
}

impl Known {
    const NOTHING: Known = Known { sizes: [0; BLOCK], right: [0; 8], bottom: [0; 8], last: 0, nonzero: 0 };
}

/// What is around a block.
struct Around<'a> {
    column: usize,
    has_left: bool,
    has_above: bool,
    has_right: bool,
    /// L, A, AL, AR, LL, AA and *before*
    blocks: [&'a Block; 7],
    /// Of L, A, AL and AR.
    known: [&'a Known; 4],
    /// y
    related: usize,
}

/// A block while it is decoded.
struct Own {
    u: Block,
    /// rows and columns
    rows: [i32; 8],
    columns: [i32; 8],
    /// Sums of the sizes around each place.
    inside: [i64; BLOCK],
    known: Known,
}

impl Own {
    fn add(&mut self, place: &Place, nearby: &Nearby, v: i32) {
        let d = i32::from((v * place.step) as i16);
        let (i, j) = (place.r / 8, place.r % 8);
        let (by_row, by_column) = (OUTSIDE[j] as i32 * d, OUTSIDE[i] as i32 * d);
        self.u[place.r] = v as i16;
        self.rows[i] -= by_row;
        self.columns[j] -= by_column;
        self.known.right[i] += if j % 2 == 0 { by_row } else { -by_row };
        self.known.bottom[j] += if i % 2 == 0 { by_column } else { -by_column };
        if place.r != 0 && v != 0 {
            let size = i64::from(d.abs().min(2047));
            self.known.nonzero += 1;
            self.known.sizes[place.r] = size;
            for &(n, weight) in &nearby.places {
                self.inside[n] += weight * size;
            }
        }
    }
}

pub struct Model<'a> {
    symbols: Symbols<'a>,
    /// By class and place.
    coefficients: Vec<[Distribution; CONTEXTS]>,
    weights: Vec<[i16; 3]>,
    /// G0, G1 and G2.
    groups: Vec<Distribution>,
    group_weights: [[i16; 2]; CLASSES],
    /// By class and group.
    in_groups: Vec<[Distribution; 32]>,
    /// By class and place.
    last_values: Vec<[Distribution; 16]>,
    exponents: Vec<Distribution>,
    nearby: Vec<Nearby>,
    /// The number of the component, its class and its places.
    component: usize,
    class: usize,
    places: Vec<Place>,
    /// 2^16 div the step of each place, row-major.
    edge_shares: [u32; BLOCK],
}

impl<'a> Model<'a> {
    pub fn new(coded: &'a [u8]) -> Result<Self> {
        let symbols = Symbols::new(coded)?;
        let mut numbers = jpeg_symbols().iter().copied();
        let mut many = |count| -> Vec<Distribution> {
            (0..count).map(|_| std::array::from_fn(|_| numbers.next().unwrap_or(0))).collect()
        };
        let places = many(CLASSES * 2 * CONTEXTS);
        let [first_groups, other_groups] = [many(64), many(64)];
        let last_values = [many(16), many(16)];
        let coefficients = (0..CLASSES * BLOCK).map(|place| {
            let first = CONTEXTS * (2 * (place / BLOCK) + (place % BLOCK).min(1));
            std::array::from_fn(|n| places[first + n])
        });
        let each = |groups: &[Distribution]| groups.iter().flat_map(|&one| [one; 16]).collect::<Vec<_>>();
        let [first_groups, other_groups] = [each(&first_groups), each(&other_groups)];
        let even = vec![EVEN; BY_EDGES - BY_NEIGHBOURS];
        Ok(Model {
            symbols,
            coefficients: coefficients.collect(),
            groups: [&first_groups, &other_groups, &other_groups, &even, &first_groups, &other_groups]
                .into_iter()
                .flatten()
                .copied()
                .collect(),
            in_groups: vec![[EVEN; 32]; CLASSES * 16],
            last_values: (0..CLASSES * BLOCK)
                .map(|place| std::array::from_fn(|m| last_values[place / BLOCK][m]))
                .collect(),
            exponents: vec![FALLING; CLASSES * BLOCK],
            weights: (0..CLASSES * BLOCK).map(|_| std::array::from_fn(|_| numbers.next().unwrap_or(0))).collect(),
            group_weights: std::array::from_fn(|_| {
                let [first, second, _]: [i16; 3] = std::array::from_fn(|_| numbers.next().unwrap_or(0));
                [first, second]
            }),
            nearby: (0..BLOCK).map(Nearby::new).collect(),
            component: 0,
            class: 0,
            places: Vec::new(),
            edge_shares: [0; BLOCK],
        })
    }

    /// Refuses coded bytes that were not needed.
    pub fn end(&self) -> Result<()> {
        self.symbols.end()
    }

    /// Decodes the blocks of a stream.
    pub fn code(&mut self, frame: &Frame, planes: &mut [Vec<Block>]) -> Result<()> {
        let mut lasts: Vec<Vec<u8>> = Vec::new();
        for (c, own) in frame.components.iter().enumerate() {
            self.component = c;
            self.class = c.min(1);
            self.places = (0..BLOCK).map(|k| Place::new(k, &own.steps, &self.nearby)).collect();
            self.edge_shares = own.steps.map(|step| 65536 / u32::from(step.clamp(1, 2047)));
            let first = &frame.components[0];
            let same = |before: &Component| c > 1 && (before.rows, before.columns) == (own.rows, own.columns);
            let (planes_before, rest) = planes.split_at_mut(c);
            let Some(blocks) = rest.first_mut() else { continue };
            let before = planes_before.last().filter(|_| same(&frame.components[c - 1]));
            let related = if before.is_some() {
                lasts[c - 1].clone()
            } else if c > 0 && first.rows % own.rows == 0 && first.columns % own.columns == 0 {
                greatest(&lasts[0], first, own)
            } else {
                vec![0; blocks.len()]
            };
            lasts.push(self.plane(own.columns, blocks, before, &related)?);
        }
        Ok(())
    }

    /// Decodes the blocks of a component. Returns their last places.
    fn plane(
        &mut self,
        columns: usize,
        blocks: &mut [Block],
        before: Option<&Vec<Block>>,
        related: &[u8],
    ) -> Result<Vec<u8>> {
        let mut lasts = Vec::with_capacity(blocks.len());
        let mut upper = vec![Known::NOTHING; columns];
        let mut row = upper.clone();
        let (none, nothing) = ([0; BLOCK], Known::NOTHING);
        for number in 0..blocks.len() {
            let column = number % columns;
            if column == 0 {
                std::mem::swap(&mut upper, &mut row);
            }
            let (has_left, has_above, has_right) = (column > 0, number >= columns, column + 1 < columns);
            let block = |there: bool, back: usize| if there { &blocks[number - back] } else { &none };
            let known = |there: bool, back: usize| if there { &upper[column + 1 - back] } else { &nothing };
            let above = if has_above { block(true, columns) } else { block(has_left, 1) };
            let left = if has_left { block(true, 1) } else { above };
            let [above_left, above_right] =
                if has_above { [block(has_left, columns + 1), block(has_right, columns - 1)] } else { [left; 2] };
            let above_known = if has_above {
                known(true, 1)
            } else if has_left {
                &row[column - 1]
            } else {
                &nothing
            };
            let left_known = if has_left { &row[column - 1] } else { above_known };
            let [above_left_known, above_right_known] =
                if has_above { [known(has_left, 2), known(has_right, 0)] } else { [left_known; 2] };
            let at = Around {
                column,
                has_left,
                has_above,
                has_right,
                blocks: [
                    left,
                    above,
                    above_left,
                    above_right,
                    block(column > 1, 2),
                    block(number >= 2 * columns, 2 * columns),
                    before.map_or(&none, |before| &before[number]),
                ],
                known: [left_known, above_known, above_left_known, above_right_known],
                related: related[number].into(),
            };
            let own = self.block(&at)?;
            blocks[number] = own.u;
            lasts.push(own.known.last as u8);
            row[column] = own.known;
        }
        Ok(lasts)
    }

    fn block(&mut self, at: &Around) -> Result<Own> {
        let mut own = Own {
            u: [0; BLOCK],
            rows: if at.has_left { at.known[0].right } else { [0; 8] },
            columns: if at.has_above { at.known[1].bottom } else { [0; 8] },
            inside: [0; BLOCK],
            known: Known::NOTHING,
        };
        let last = self.last(at, &own)?;
        own.known.last = last;
        for k in (1..=last).rev() {
            let v = self.coefficient(at, &own, k)?;
            own.add(&self.places[k], &self.nearby[natural(k)], v);
        }
        let dc = self.dc(at, &own)?;
        own.add(&self.places[0], &self.nearby[0], dc);
        own.known.sizes = smoothed(&own.known.sizes);
        Ok(own)
    }

    /// The place of the last coefficient (J9.3).
    fn last(&mut self, at: &Around, own: &Own) -> Result<usize> {
        let [left, above, ..] = at.known;
        let (l, a) = (left.last, above.last);
        let [al, ar] =
            [(at.has_left, 2), (at.has_right, 3)]
                .map(|(there, n)| if there && at.has_above { at.known[n].last } else { a });
        let near = (3 * l + 3 * a + ar + al) >> 3;
        let nonzero = (left.nonzero + above.nonzero).min(63) >> 2;
        let edge = |x: i32, r: usize| ((x.unsigned_abs() >> 8).min(65535) * self.edge_shares[r]) >> 16;
        let edges = (1..8).map(|n| edge(own.rows[n], 8 * n) + edge(own.columns[n], n)).sum();
        let class = self.class;
        let places = [
            (64 * self.component.min(2) + near) * 16 + (at.related >> 2),
            BY_NEIGHBOURS + ((16 * class + (l >> 2)) * 16 + (a >> 2)) * 16 + nonzero,
            BY_EDGES + (64 * class + near) * 16 + (fine(edges) >> 1).min(15),
        ];
        let group = self.symbols.blend(&mut self.groups, places, &mut self.group_weights[class], true, QUICK)?;
        let place = self.symbols.alone(&mut self.in_groups[16 * class + group][near >> 1])?;
        demand(place < 4, "a symbol of a coefficient is not valid", SECTION)?;
        Ok(4 * group + place)
    }

    /// A coefficient other than DC (J9.4).
    fn coefficient(&mut self, at: &Around, own: &Own, k: usize) -> Result<i32> {
        let place = &self.places[k];
        let (r, last) = (place.r, own.known.last);
        let edges = i64::from(own.rows[r / 8]) * place.left + i64::from(own.columns[r % 8]) * place.above;
        let predicted = (edges >> 30) as i32;
        let certain = predicted.unsigned_abs();
        let [l, a, al, ar, ll, aa, before] = at.blocks.map(|block| u32::from(block[r].unsigned_abs().min(1023)));
        let near = 13 * (l + a) + 4 * (al + ar) + 3 * (ll + aa) + 20 * before;
        let [l, a, al, ar] = at.known.map(|known| known.sizes[r] as u32);
        let beside = 2 * (l + a) + al + ar;
        let inner = ((own.inside[r] as u64 * place.inner) >> 32) as u32;
        let size = fine(((near * 6144) >> 16) + ((beside * place.beside) >> 18) + inner + (certain >> 8));
        let number = BLOCK * self.class + k;
        let symbol = if k == last {
            let symbol = self.symbols.alone(&mut self.last_values[number][size >> 1])?;
            demand(symbol > 0, "a symbol of a coefficient is not valid", SECTION)?;
            symbol
        } else {
            let places = [
                size,
                32 + 8 * coarse(certain >> 3) + (size >> 2),
                128 + 12 * coarse(near) + coarse(inner),
                272 + 16 * own.known.nonzero.min(11) + (last - 1 - k).min(15),
            ];
            self.blend(number, places, at)?
        };
        self.value(number, symbol, 0, predicted < 0)
    }

    fn dc(&mut self, at: &Around, own: &Own) -> Result<i32> {
        let place = &self.places[0];
        let part = |edge: i32, factor: i64| ((i64::from(edge) * factor) >> 30) as i32;
        let (mut left, mut above) = (part(own.rows[0], place.left), part(own.columns[0], place.above));
        if !at.has_left {
            left = if at.has_above { above } else { 0 };
        }
        if !at.has_above {
            above = left;
        }
        let predicted = left + above;
        let whole = ((predicted + 128) >> 8).clamp(-MOST, MOST);
        let spread = fine(left.abs_diff(above) >> 3).min(29);
        let [l, a, al] = [0, 1, 2].map(|n| i32::from(at.blocks[n][0]));
        let apart = coarse(4 * (l.abs_diff(al) + a.abs_diff(al)));
        let places = [
            spread,
            32 + 8 * (own.known.last >> 3) + (spread >> 2),
            128 + 12 * apart + ((at.known[0].last + at.known[1].last) >> 3).min(11),
            272 + 16 * (spread >> 1).min(11) + own.known.nonzero.min(15),
        ];
        let number = BLOCK * self.class;
        let symbol = self.blend(number, places, at)?;
        self.value(number, symbol, whole, predicted < 256 * whole)
    }

    /// A symbol by distributions of a coefficient. number: its class and place.
    fn blend(&mut self, number: usize, places: [usize; 4], at: &Around) -> Result<usize> {
        let learns = at.column % 4 == 0;
        self.symbols.blend(&mut self.coefficients[number], places, &mut self.weights[number], learns, SLOW)
    }

    /// A coefficient: `whole` and the value of the symbol (J9.6), or less this value.
    fn value(&mut self, number: usize, symbol: usize, whole: i32, is_less: bool) -> Result<i32> {
        let magnitude = match symbol {
            0..=8 => (symbol as i32 + 1) >> 1,
            9 | 10 => 5 + self.symbols.bits(1)?,
            11 | 12 => 7 + self.symbols.bits(2)?,
            _ => {
                demand(symbol < 15, "a symbol of a coefficient is not valid", SECTION)?;
                let exponent = 2 + self.symbols.alone(&mut self.exponents[number])? as u32;
                demand(exponent <= 15, "a coefficient of a JPEG stream is out of range", SECTION)?;
                let high = if exponent > 8 { self.symbols.bits(exponent - 8)? << 8 } else { 0 };
                (1 << exponent) + high + self.symbols.bits(exponent.min(8))? + 7
            }
        };
        let is_negative = (symbol % 2 == 0) != is_less;
        let value = whole + if is_negative { -magnitude } else { magnitude };
        demand(value.abs() <= MOST, "a coefficient of a JPEG stream is out of range", SECTION)?;
        Ok(value)
    }
}

/// For each block of a component the greatest last place of those of the first component that it covers.
fn greatest(lasts: &[u8], first: &Component, own: &Component) -> Vec<u8> {
    let (down, across) = (first.rows / own.rows, first.columns / own.columns);
    let mut found = vec![0; own.rows * own.columns];
    for (number, &last) in lasts.iter().enumerate() {
        let (row, column) = (number / first.columns / down, number % first.columns / across);
        let greatest = &mut found[row * own.columns + column];
        *greatest = last.max(*greatest);
    }
    found
}
