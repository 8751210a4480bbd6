//! The `.npy` file of an array (format 1.0, C order by default).

use crate::foundations::dtype::Dtype;

pub fn npy(dtype: Dtype, shape: &[u64], fortran: bool, data: &[u8]) -> Vec<u8> {
    let mut extents: Vec<String> = shape.iter().map(u64::to_string).collect();
    if extents.len() == 1 {
        extents.push(String::new());
    }
    let order = if fortran { "True" } else { "False" };
    let shape = extents.join(", ");
    let mut header =
        format!("{{'descr': '{}', 'fortran_order': {order}, 'shape': ({}), }}", dtype.text(), shape.trim_end());
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend_from_slice(&(header.len() as u16).to_le_bytes());
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(data);
    file
}

/// Reorders the elements of an array from C to Fortran order.
pub fn to_fortran(shape: &[u64], size: usize, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut strides = vec![size; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis] as usize);
    }
    let mut place = vec![0u64; shape.len()];
    while out.len() < data.len() {
        let start: usize = place.iter().zip(&strides).map(|(&i, stride)| i as usize * stride).sum();
        out.extend_from_slice(&data[start..start + size]);
        for (index, &extent) in place.iter_mut().zip(shape) {
            *index += 1;
            if *index < extent {
                break;
            }
            *index = 0;
        }
    }
    out
}
