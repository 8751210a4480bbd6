//! The coding order of pixels (model-format.md, M10.4).

use crate::ans::coder::Coder;
use crate::processor::simd::wide;
use crate::types::image::Image;
use crate::wavefront::around::{Place, PIXELS};
use crate::wavefront::cells::{Cells, CELL};
use crate::wavefront::colours::Blues;
use crate::wavefront::decisions::Decisions;
use crate::wavefront::mixture::Mixture;
use crate::wavefront::network::Scratch;
use crate::wavefront::pixels::Pixels;
use crate::wavefront::plane::{History, Plane, Window};
use crate::wavefront::rules::{Starts, Wavefront, INPUTS};

/// The number of planes that are coded at once.
pub const SHEET: usize = 4;
/// The number of times from a pixel to the one below it; DELAY: to the same pixel of the next plane.
pub const LAG: usize = 16;
pub const DELAY: usize = 18;
/// The most slots of a group at a time.
const SLOTS: usize = 64;

/// The reference planes of a plane.
fn references(plane: usize, channels: usize) -> [Option<usize>; 2] {
    let (s, c) = (plane / channels, plane % channels);
    let mut found = [(0, 1), (1, 0), (0, 2), (2, 0)]
        .into_iter()
        .filter(|&(slices, own)| s >= slices && c >= own)
        .map(|(slices, own)| (s - slices) * channels + c - own);
    [found.next(), found.next()]
}

/// The number of images that are coded together, from the first on.
pub fn group(images: &[Image]) -> usize {
    let first = &images[0];
    let shape = |image: &Image| (image.slices, image.rows, image.columns, image.channels, image.levels, image.jpeg);
    let alike = images.iter().take_while(|image| shape(image) == shape(first)).count();
    let rows = first.rows.min(first.columns.div_ceil(LAG));
    let mut count = 1;
    while 2 * count <= alike && 2 * count * rows <= SLOTS {
        count *= 2;
    }
    count
}

/// A plane of an earlier sheet, as a reference.
struct Replay {
    number: usize,
    /// The plane of the sheet that reads it.
    reader: usize,
    place: usize,
}

/// A time of a plane, and its references.
struct View<'a> {
    window: &'a Window,
    references: [Option<&'a Plane>; 2],
    number: usize,
    time: usize,
}

/// The state of coding a group.
pub struct Sheets<'a> {
    codec: &'a Wavefront,
    starts: &'a Starts,
    /// Indexed by plane; empty for planes that are not needed any more.
    histories: Vec<History>,
    pixels: Pixels,
    scratch: Scratch,
    decisions: Option<Decisions>,
}

impl<'a> Sheets<'a> {
    pub fn new(codec: &'a Wavefront, starts: &'a Starts, decisions: Option<Decisions>) -> Sheets<'a> {
        let (pixels, scratch) = (Pixels::default(), Scratch::default());
        Sheets { codec, starts, histories: Vec::new(), pixels, scratch, decisions }
    }

    /// Codes the images of a group.
    pub fn code<C: Coder>(&mut self, coder: &mut C, images: &mut [Image]) {
        let (planes, channels) = (images[0].planes(), images[0].channels);
        self.histories = vec![History::new(); planes];
        for slice in 0..images[0].slices {
            for first in (0..channels).step_by(SHEET) {
                self.code_sheet(coder, images, slice * channels + first, SHEET.min(channels - first));
            }
            // The next slice reads this one and the previous one.
            let before = slice.saturating_sub(2) * channels..slice.saturating_sub(1) * channels;
            self.histories[before].fill(History::new());
        }
    }

    fn code_sheet<C: Coder>(&mut self, coder: &mut C, images: &mut [Image], first: usize, count: usize) {
        let image = &images[0];
        let mut window = Window::new(images.len(), image.rows, image.columns, image.levels);
        let saves = image.slices > 1 || image.channels > SHEET;
        // The planes of the sheet, followed by the replayed ones.
        let mut planes = Vec::new();
        let mut reference_planes = Vec::new();
        let mut replays = Vec::new();
        for i in 0..count {
            let references = references(first + i, image.channels);
            let refs = references.iter().flatten().count();
            let cells = Cells::new(&window, INPUTS[refs], self.codec.decay, self.codec.ridge, &self.starts[refs]);
            planes.push(Plane::new(&window, Some(cells)));
            reference_planes.push(references.map(|reference| {
                let number = reference?;
                if number >= first {
                    return Some(number - first);
                }
                replays.push(Replay { number, reader: i, place: 0 });
                Some(count + replays.len() - 1)
            }));
        }
        planes.extend(replays.iter().map(|_| Plane::new(&window, None)));
        let times = window.times();
        // A replayed plane is one delay ahead of its reader, like others.
        let starts_at = |i: usize| DELAY * (i + 1);
        for time in 0..times + starts_at(count - 1) {
            let slots = window.follow(time);
            if slots > 0 {
                planes.iter_mut().for_each(|plane| plane.shift(slots));
            }
            let own = |start: usize| time.checked_sub(start).filter(|&own| own < times);
            for (replay, plane) in replays.iter_mut().zip(&mut planes[count..]) {
                let Some(own) = own(DELAY * replay.reader) else { continue };
                replay.place = plane.restore(&window, own, &self.histories[replay.number], replay.place);
                plane.finish(&window, own);
            }
            for i in 0..count {
                let Some(own) = own(starts_at(i)) else { continue };
                let mut plane = std::mem::take(&mut planes[i]);
                let references = reference_planes[i].map(|number| Some(&planes[number?]));
                let view = View { window: &window, references, number: first + i, time: own };
                self.step(coder, images, &mut plane, &view);
                if saves {
                    plane.save(&window, own, &mut self.histories[first + i]);
                }
                plane.finish(&window, own);
                planes[i] = plane;
            }
        }
    }

    /// Codes the pixels of a plane at a time.
    fn step<C: Coder>(&mut self, coder: &mut C, images: &mut [Image], plane: &mut Plane, view: &View) {
        let &View { window, references, number, time } = view;
        if let (0, Some(cells)) = (time % CELL, &mut plane.cells) {
            cells.begin(window, time);
        }
        let front = window.front(time);
        if front.is_empty() {
            return;
        }
        let refs = references.iter().flatten().count();
        let (begin, end) = (window.slot(front.start), window.slot(front.end));
        for slot in (begin..end).step_by(PIXELS) {
            let count = PIXELS.min(end - slot);
            let &Window { items, levels, depth, .. } = window;
            let place = Place { plane, references, items, time, slot, count, levels, depth };
            self.pixels.look(&place, &self.codec.networks[refs], &mut self.scratch);
            let places = Places::new(images, number, [window.row(slot), slot % window.items], time);
            if slot == begin || self.decisions.is_some() {
                coder.step();
            }
            match &mut self.decisions {
                Some(decisions) => decisions.code(coder, &mut self.pixels, &place, images, places),
                None => code_all(&mut self.pixels, coder, images, places, count),
            }
            self.pixels.learn(plane, window, time, slot, count);
        }
    }
}

/// The pixels of a plane at a time, row by row: the number of the image, and the place in it.
pub struct Places {
    item: usize,
    items: usize,
    place: usize,
    down: isize,
    /// The channel, in the order of planes.
    pub channel: usize,
    /// Whether the pixels are blues of colours of JPEG.
    pub is_blue: bool,
}

impl Places {
    /// Starts at a row and an item.
    fn new(images: &[Image], number: usize, [row, item]: [usize; 2], time: usize) -> Places {
        let Image { columns, channels, jpeg, .. } = images[0];
        Places {
            item,
            items: images.len(),
            place: images[0].place(number, row, time - LAG * row),
            down: (columns as isize - LAG as isize) * channels as isize,
            channel: number % channels,
            is_blue: jpeg && number % 3 == 2,
        }
    }

    #[inline(always)]
    pub fn advance(&mut self) -> (usize, usize) {
        let next = (self.item, self.place);
        self.item += 1;
        if self.item == self.items {
            self.item = 0;
            self.place = self.place.wrapping_add_signed(self.down);
        }
        next
    }
}

wide! {
    /// Codes pixels of a plane by their intervals.
    fn code_all['a, C: Coder]['a, C](
        pixels: &'a mut Pixels,
        coder: &'a mut C,
        images: &'a mut [Image],
        places: Places,
        count: usize,
    ) {
        let mut places = places;
        for pixel in 0..count {
            let (item, place) = places.advance();
            let image = &mut images[item];
            let mixture = Mixture::new(pixels, pixel, image.levels as i32);
            let known = if C::KNOWN { image.symbols[place].into() } else { pixels.guess(pixel) };
            let level = if places.is_blue {
                mixture.code_blue(coder, known, Blues::before(image, place))
            } else {
                mixture.code(coder, known)
            };
            image.symbols[place] = level as u16;
            pixels.levels[pixel] = level;
        }
    }
}
