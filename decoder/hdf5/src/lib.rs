//! The HDF5 filter plug-in, with which any program reads datasets whose chunks bitsback has coded (docs/hdf5.md). HDF5
//! loads it from a folder in HDF5_PLUGIN_PATH. It is read-only, and it needs neither HDF5's headers nor its library.

#![allow(non_snake_case)]

use std::ffi::{c_char, c_int, c_uint, c_void, CStr, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::{mem, ptr, slice};

use bitsback_decode::container::lone;
use bitsback_decode::foundations::bytes::Bytes;
use bitsback_decode::foundations::dtype::{elements, read_shape, Dtype};

const FILTER: c_int = 443;
/// The version of the filter's parameters, which HDF5 stores with a dataset.
const VERSION: u32 = 1;
/// H5Z_FLAG_REVERSE: set when a chunk is read.
const REVERSE: c_uint = 0x0100;
const SECTION: &str = "format.md, A7";

type Filter = unsafe extern "C" fn(c_uint, usize, *const c_uint, usize, *mut usize, *mut *mut c_void) -> usize;

/// H5Z_class2_t. Its callbacks for new datasets are empty, since HDF5 refuses to create one without an encoder.
#[repr(C)]
pub struct Class {
    version: c_int,
    id: c_int,
    encoder_present: c_uint,
    decoder_present: c_uint,
    name: *const c_char,
    can_apply: *const c_void,
    set_local: *const c_void,
    filter: Filter,
}

// SAFETY: it is immutable.
unsafe impl Sync for Class {}

static CLASS: Class = Class {
    version: 1,
    id: FILTER,
    encoder_present: 0,
    decoder_present: 1,
    name: c"bitsback".as_ptr(),
    can_apply: ptr::null(),
    set_local: ptr::null(),
    filter,
};

/// H5PL_TYPE_FILTER.
#[no_mangle]
pub extern "C" fn H5PLget_plugin_type() -> c_int {
    0
}

#[no_mangle]
pub extern "C" fn H5PLget_plugin_info() -> *const Class {
    &CLASS
}

extern "C" {
    // HDF5 frees chunks with the C library's `free`.
    fn malloc(size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// Replaces the bytes of a chunk by its elements. Returns their size, or 0 after an error.
///
/// # Safety
/// The arguments follow HDF5's contract for filters.
unsafe extern "C" fn filter(
    flags: c_uint,
    count: usize,
    numbers: *const c_uint,
    size: usize,
    capacity: *mut usize,
    buffer: *mut *mut c_void,
) -> usize {
    if flags & REVERSE == 0 {
        return fail("bitsback is read-only here: write with h5py, after import bitsback.hdf5");
    }
    if numbers.is_null() || (*buffer).is_null() {
        return fail("a chunk of bitsback lacks its bytes or its parameters");
    }
    let numbers = slice::from_raw_parts(numbers, count);
    let block = slice::from_raw_parts((*buffer).cast::<u8>(), size);
    let decoded = catch_unwind(|| decode(numbers, block));
    let chunk = match decoded.unwrap_or_else(|_| Err("the decoder failed; this is a bug in it".into())) {
        Ok(chunk) => chunk,
        Err(what) => return fail(&what),
    };
    let memory = malloc(chunk.len());
    if memory.is_null() {
        return fail("there is no memory for a chunk of bitsback");
    }
    ptr::copy_nonoverlapping(chunk.as_ptr(), memory.cast(), chunk.len());
    free(*buffer);
    *buffer = memory;
    *capacity = chunk.len();
    chunk.len()
}

fn decode(numbers: &[u32], block: &[u8]) -> Result<Vec<u8>, String> {
    let expected = chunk_size(numbers).ok_or("the filter bitsback has parameters that this plug-in does not know")?;
    let declared = declared_size(block).map_err(|error| error.to_string())?;
    if declared != Some(expected) {
        return Err(format!("a chunk of bitsback does not have the {expected} bytes of a chunk of its dataset"));
    }
    lone::decode(block).map(|array| array.data).map_err(|error| format!("a chunk of bitsback: {error}"))
}

/// The size of a chunk in bytes, from the parameters of its dataset: version, axes, number of models, two numbers for
/// each of them, letters of the dtype, bytes per element, and the dimensions.
fn chunk_size(numbers: &[u32]) -> Option<u64> {
    let (&[version, _, models], rest) = numbers.split_first_chunk()?;
    let (&[_, size], shape) = rest.get(2 * usize::try_from(models).ok()?..)?.split_first_chunk()?;
    let shape: Vec<u64> = shape.iter().map(|&extent| extent.into()).collect();
    elements(&shape)?.checked_mul(size.into()).filter(|_| version == VERSION)
}

/// The declared size of the array of a block alone, which is validated before memory is allocated.
fn declared_size(block: &[u8]) -> bitsback_decode::foundations::error::Result<Option<u64>> {
    let mut bytes = Bytes::new(block, SECTION);
    bytes.take(2)?;
    let dtype = Dtype::read(&mut bytes)?;
    let shape = read_shape(&mut bytes)?;
    Ok(elements(&shape).and_then(|count| count.checked_mul(dtype.size() as u64)))
}

/// Reports an error to HDF5, or on standard error if HDF5 does not export the functions for this. Returns 0.
fn fail(what: &str) -> usize {
    let text = CString::new(what.replace('%', "%%").replace('\0', " ")).unwrap_or_default();
    let pushed = catch_unwind(AssertUnwindSafe(|| unsafe { push(&text) }));
    if !matches!(pushed, Ok(Some(()))) {
        eprintln!("{what}");
    }
    0
}

/// Puts an error on HDF5's error stack. HDF5 2.0 accepts no errors from filters, but lets them replace the stack.
unsafe fn push(text: &CStr) -> Option<()> {
    type Push =
        unsafe extern "C" fn(i64, *const c_char, *const c_char, c_uint, i64, i64, i64, *const c_char, ...) -> c_int;
    let create: unsafe extern "C" fn() -> i64 = mem::transmute(symbol(c"H5Ecreate_stack")?);
    let push: Push = mem::transmute(symbol(c"H5Epush2")?);
    let set: unsafe extern "C" fn(i64) -> c_int = mem::transmute(symbol(c"H5Eset_current_stack")?);
    let number = |name| symbol(name).map(|place| *place.cast::<i64>());
    let (class, major) = (number(c"H5E_ERR_CLS_g")?, number(c"H5E_PLINE_g")?);
    let minor = number(c"H5E_CALLBACK_g")?;
    let stack = create();
    push(stack, c"".as_ptr(), c"bitsback".as_ptr(), 0, class, major, minor, text.as_ptr());
    set(stack);
    Some(())
}

/// The address of a symbol of the program or its libraries.
unsafe fn symbol(name: &CStr) -> Option<*mut c_void> {
    let everywhere = if cfg!(target_os = "macos") { -2isize as *mut c_void } else { ptr::null_mut() };
    let place = dlsym(everywhere, name.as_ptr());
    (!place.is_null()).then_some(place)
}
