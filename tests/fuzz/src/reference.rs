//! Two other implementations of DEFLATE: zlib, and miniz_oxide.

use std::ffi::c_void;
use std::ptr;

/// What a decompressor says about a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The stream ends after this number of bytes.
    End(usize),
    /// More bytes may follow.
    Incomplete,
    Invalid,
}

/// zlib's verdict and output, of which it writes `limit` bytes at most.
pub fn zlib(input: &[u8], limit: usize) -> (Verdict, Vec<u8>) {
    use libz_sys::{inflate, inflateEnd, inflateInit2_, z_stream, zlibVersion};
    use libz_sys::{Z_DATA_ERROR, Z_OK, Z_STREAM_END, Z_SYNC_FLUSH};
    let mut out = vec![0; limit];
    let mut stream = z_stream {
        next_in: input.as_ptr().cast_mut(),
        avail_in: input.len() as u32,
        total_in: 0,
        next_out: out.as_mut_ptr(),
        avail_out: out.len() as u32,
        total_out: 0,
        msg: ptr::null_mut(),
        state: ptr::null_mut(),
        zalloc: allocate,
        zfree: free,
        opaque: ptr::null_mut(),
        data_type: 0,
        adler: 0,
        reserved: 0,
    };
    // SAFETY: the stream points to `input` and `out`, which live longer and have the lengths stated.
    let result = unsafe {
        assert_eq!(inflateInit2_(&mut stream, -15, zlibVersion(), size_of::<z_stream>() as i32), Z_OK);
        let result = inflate(&mut stream, Z_SYNC_FLUSH);
        inflateEnd(&mut stream);
        result
    };
    out.truncate(stream.total_out as usize);
    let verdict = match result {
        Z_STREAM_END => Verdict::End(stream.total_in as usize),
        Z_DATA_ERROR => Verdict::Invalid,
        _ => Verdict::Incomplete,
    };
    (verdict, out)
}

extern "C" fn allocate(_: *mut c_void, count: u32, size: u32) -> *mut c_void {
    // SAFETY: the function of the C library, which has no conditions.
    unsafe { calloc(count as usize, size as usize) }
}

extern "C" fn free(_: *mut c_void, memory: *mut c_void) {
    // SAFETY: zlib frees only what `allocate` returned.
    unsafe { c_free(memory) }
}

extern "C" {
    fn calloc(count: usize, size: usize) -> *mut c_void;
    #[link_name = "free"]
    fn c_free(memory: *mut c_void);
}

/// miniz_oxide's verdict and output, of which it writes `limit` bytes at most.
pub fn miniz(input: &[u8], limit: usize) -> (Verdict, Vec<u8>) {
    use miniz_oxide::inflate::core::inflate_flags::{
        TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
    };
    use miniz_oxide::inflate::core::{decompress, DecompressorOxide};
    use miniz_oxide::inflate::TINFLStatus::{Done, HasMoreOutput, NeedsMoreInput};
    let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | TINFL_FLAG_HAS_MORE_INPUT;
    let mut out = vec![0; limit];
    let (status, used, written) = decompress(&mut DecompressorOxide::new(), input, &mut out, 0, flags);
    out.truncate(written);
    let verdict = match status {
        Done => Verdict::End(used),
        NeedsMoreInput | HasMoreOutput => Verdict::Incomplete,
        _ => Verdict::Invalid,
    };
    (verdict, out)
}
