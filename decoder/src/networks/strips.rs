//! Runs networks in strips of rows, to limit memory (model-format.md, M7).

use std::ops::Range;

use crate::networks::network::Network;

impl Network {
    /// The rows of each value that a strip of outputs depends on.
    pub fn needs(&self, outputs: &[usize], strip: Range<usize>, size: [usize; 2]) -> Vec<Range<usize>> {
        let mut needs: Vec<Range<usize>> = vec![0..0; self.values.len()];
        for &output in outputs {
            needs[output] = strip.clone();
        }
        for (i, layer) in self.layers.iter().enumerate().rev() {
            let need = needs[self.sources + i].clone();
            if need.start == need.end {
                continue;
            }
            let [rows, _] = self.values[layer.input].place.extent(size);
            let (own, other) = layer.op.reads(need, rows);
            for (number, rows) in [Some((layer.input, own)), other].into_iter().flatten() {
                let known = &mut needs[number];
                *known =
                    if known.start == known.end { rows } else { known.start.min(rows.start)..known.end.max(rows.end) };
            }
        }
        needs
    }

    /// The number of rows of outputs per strip.
    pub fn strip_rows(&self, rows: usize, size: [usize; 2]) -> usize {
        let row = self.elements(size) / rows.max(1) as u128;
        ((1 << 22) / row.max(1)).clamp(1, rows.max(1) as u128) as usize
    }
}

#[cfg(test)]
mod tests {
    use crate::foundations::splitmix::output;
    use crate::models::model::Model;
    use crate::networks::network::Scratch;
    use crate::types::tensor;

    #[test]
    fn strips_are_parts_of_the_whole() {
        let file = include_bytes!("../../../src/bitsback/models/bundled/mnist-context.safetensors");
        let (description, tensors) = tensor::read(file).unwrap();
        let model = Model::read(&description, tensors).unwrap();
        let network = model.networks.iter().find(|network| network.name == "likelihood").unwrap();
        let last = network.values.len() - 1;
        let z: Vec<i16> = (0..network.values[0].channels as u64).map(|k| (output(5, k) % 256) as i16).collect();
        let mut whole = Scratch::default();
        whole.values.push(z.clone());
        network.run(&mut whole, [28, 28]);
        let mut rows = Vec::new();
        for top in (0..28).step_by(3) {
            let needs = network.needs(&[last], top..(top + 3).min(28), [28, 28]);
            let mut strip = Scratch { values: vec![z.clone()], needs, ..Scratch::default() };
            network.run(&mut strip, [28, 28]);
            rows.extend_from_slice(&strip.values[last]);
        }
        assert_eq!(rows, whole.values[last]);
    }
}
