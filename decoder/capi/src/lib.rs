//! The C interface of the decoder, which `bitsback_decode.h` documents. No panic crosses it.

use std::ffi::{c_char, c_int, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;

use bitsback_decode::restored::output::{items, Item};

/// A decoded archive, or an error message.
pub struct Archive {
    error: Option<CString>,
    items: Vec<CItem>,
}

struct CItem {
    name: CString,
    dtype: CString,
    item: Item,
}

fn text(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).unwrap_or_default()
}

fn open(bytes: &[u8]) -> Archive {
    let decoded = catch_unwind(|| items(bytes).map_err(|error| error.to_string()));
    let decoded = decoded.unwrap_or_else(|_| Err("the decoder failed; this is a bug in it".into()));
    match decoded {
        Ok(items) => {
            let item = |item: Item| CItem { name: text(&item.name), dtype: text(&item.dtype.text()), item };
            Archive { error: None, items: items.into_iter().map(item).collect() }
        }
        Err(error) => Archive { error: Some(text(&error)), items: Vec::new() },
    }
}

/// # Safety
/// `bytes` points to `size` bytes.
#[no_mangle]
pub unsafe extern "C" fn bitsback_open(bytes: *const u8, size: usize) -> *mut Archive {
    let slice = if bytes.is_null() || size == 0 { &[] } else { std::slice::from_raw_parts(bytes, size) };
    catch_unwind(|| Box::into_raw(Box::new(open(slice)))).unwrap_or(ptr::null_mut())
}

/// Calls a function with an archive. Returns `other` if there is no archive or the function panics.
unsafe fn with<T>(archive: *const Archive, other: T, call: impl FnOnce(&Archive) -> Option<T>) -> T {
    let Some(archive) = archive.as_ref() else { return other };
    catch_unwind(AssertUnwindSafe(|| call(archive))).ok().flatten().unwrap_or(other)
}

/// # Safety
/// `archive` is NULL, or came from `bitsback_open` and has not been freed.
#[no_mangle]
pub unsafe extern "C" fn bitsback_error(archive: *const Archive) -> *const c_char {
    with(archive, ptr::null(), |archive| archive.error.as_ref().map(|error| error.as_ptr()))
}

/// # Safety
/// As of `bitsback_error`.
#[no_mangle]
pub unsafe extern "C" fn bitsback_count(archive: *const Archive) -> usize {
    with(archive, 0, |archive| Some(archive.items.len()))
}

/// # Safety
/// As of `bitsback_error`.
#[no_mangle]
pub unsafe extern "C" fn bitsback_name(archive: *const Archive, item: usize) -> *const c_char {
    with(archive, ptr::null(), |archive| archive.items.get(item).map(|item| item.name.as_ptr()))
}

/// # Safety
/// As of `bitsback_error`.
#[no_mangle]
pub unsafe extern "C" fn bitsback_dtype(archive: *const Archive, item: usize) -> *const c_char {
    with(archive, ptr::null(), |archive| archive.items.get(item).map(|item| item.dtype.as_ptr()))
}

/// # Safety
/// As of `bitsback_error`.
#[no_mangle]
pub unsafe extern "C" fn bitsback_dimensions(archive: *const Archive, item: usize) -> usize {
    with(archive, 0, |archive| archive.items.get(item).map(|item| item.item.shape.len()))
}

/// # Safety
/// As of `bitsback_error`.
#[no_mangle]
pub unsafe extern "C" fn bitsback_shape(archive: *const Archive, item: usize) -> *const u64 {
    with(archive, ptr::null(), |archive| archive.items.get(item).map(|item| item.item.shape.as_ptr()))
}

/// # Safety
/// As of `bitsback_error`.
#[no_mangle]
pub unsafe extern "C" fn bitsback_size(archive: *const Archive, item: usize) -> usize {
    with(archive, 0, |archive| archive.items.get(item).map(|item| item.item.data.len()))
}

/// # Safety
/// As of `bitsback_error`; `out` points to `size` bytes that may be written.
#[no_mangle]
pub unsafe extern "C" fn bitsback_decode(archive: *const Archive, item: usize, out: *mut u8, size: usize) -> c_int {
    with(archive, -1, |archive| {
        let data = &archive.items.get(item)?.item.data;
        if data.len() != size || (out.is_null() && size > 0) {
            return None;
        }
        if size > 0 {
            ptr::copy_nonoverlapping(data.as_ptr(), out, size);
        }
        Some(0)
    })
}

/// # Safety
/// `archive` is NULL, or came from `bitsback_open` and is not used any more.
#[no_mangle]
pub unsafe extern "C" fn bitsback_free(archive: *mut Archive) {
    if !archive.is_null() {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(Box::from_raw(archive))));
    }
}
