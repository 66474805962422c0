//! One measurement of an echo server: what is sent, and the rate and the CPU time for each message.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Failure;

/// The result of one measurement, per message.
#[derive(Clone, Copy)]
pub(super) struct Figure {
    pub(super) rate: f64,
    pub(super) cpu: f64,
}

#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub(super) name: &'static str,
    pub(super) size: usize,
    pub(super) window: usize,
    pub(super) text: bool,
}

/// For JSON, which is text.
pub(super) const JSON_CELLS: [Cell; 2] = [
    Cell { name: "4 KiB JSON", size: 4 << 10, window: 16, text: true },
    Cell { name: "64 KiB JSON", size: 64 << 10, window: 4, text: true },
];

pub(super) const CELLS: [Cell; 9] = [
    Cell { name: "round trip 16 B", size: 16, window: 1, text: false },
    Cell { name: "round trip 125 B", size: 125, window: 1, text: false },
    Cell { name: "round trip 1 KiB", size: 1 << 10, window: 1, text: false },
    Cell { name: "round trip 64 KiB", size: 64 << 10, window: 1, text: false },
    Cell { name: "round trip 64 KiB text", size: 64 << 10, window: 1, text: true },
    Cell { name: "pipelined 16 B", size: 16, window: 256, text: false },
    Cell { name: "pipelined 125 B", size: 125, window: 256, text: false },
    Cell { name: "pipelined 1 KiB", size: 1 << 10, window: 64, text: false },
    Cell { name: "pipelined 1 KiB text", size: 1 << 10, window: 64, text: true },
];

/// Bytes of a message: printable for text, anything for binary; always the same.
pub(super) fn payload(cell: Cell) -> Vec<u8> {
    let mut x = 1u32;
    let mut next = move || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x
    };
    let text = cell.text;
    (0..cell.size).map(|_| if text { 0x20 + (next() % 95) as u8 } else { next() as u8 }).collect()
}

/// JSON as services send it; always the same.
pub(super) fn json(size: usize) -> Vec<u8> {
    let (mut text, mut x) = (String::new(), 1_u32);
    while text.len() < size {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (id, name, score) = (x >> 8, ["anna", "boris", "chen", "dara"][(x >> 30) as usize], x >> 20);
        text += &format!(
            "{{\"id\":{id},\"user\":\"{name}{score}\",\"active\":{},\"score\":0.{score},\"tags\":[\"a\",\"{name}\"]}},",
            x & 64 == 0
        );
    }
    text.truncate(size);
    text.into_bytes()
}

/// A connection whose bytes are prepared before the measurement: the same work for the load generator in every case.
pub(super) struct Load {
    stream: TcpStream,
    request: Vec<u8>,
    answer: usize,
    buffer: Vec<u8>,
}

impl Load {
    pub(super) fn raw(port: u16, cell: Cell) -> Result<Load, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let request = vec![7; (cell.size + header(cell.size) + 4) * cell.window];
        let answer = request.len();
        Ok(Load { stream, request, answer, buffer: vec![0; 256 << 10] })
    }

    pub(super) fn ws(port: u16, cell: Cell) -> Result<Load, Failure> {
        let mut load = Load::raw(port, cell)?;
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        write!(
            load.stream,
            "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )?;
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            load.stream.read_exact(&mut byte)?;
            head.extend_from_slice(&byte);
        }
        let mut frame = vec![if cell.text { 0x81 } else { 0x82 }];
        match cell.size {
            0..=125 => frame.push(0x80 | cell.size as u8),
            126..=0xFFFF => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(cell.size as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(cell.size as u64).to_be_bytes());
            }
        }
        let mask = [0x37, 0xFA, 0x21, 0x3D];
        frame.extend_from_slice(&mask);
        frame.extend(payload(cell).iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        load.request = frame.repeat(cell.window);
        load.answer = (header(cell.size) + cell.size) * cell.window;
        Ok(load)
    }

    pub(super) fn round(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.request)?;
        let mut left = self.answer;
        while left > 0 {
            match self.stream.read(&mut self.buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => left = left.saturating_sub(count),
            }
        }
        Ok(())
    }
}

/// The size of a server's frame header.
pub(super) fn header(size: usize) -> usize {
    match size {
        0..=125 => 2,
        126..=0xFFFF => 4,
        _ => 10,
    }
}

/// Repeats `round` for `time`. `process` is the one whose CPU time counts; `None` is this one.
pub(super) fn measure(
    cell: Cell,
    time: Duration,
    process: Option<u32>,
    mut round: impl FnMut() -> Result<(), Failure>,
) -> Result<Figure, Failure> {
    for _ in 0..3 {
        round()?;
    }
    let (start, cpu) = (Instant::now(), cpu_time(process));
    let mut messages = 0.0;
    while start.elapsed() < time {
        round()?;
        messages += cell.window as f64;
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Figure { rate: messages / seconds, cpu: (cpu_time(process) - cpu) / messages })
}

/// Nanoseconds of CPU that all threads of a process have used; zero where the system does not report it.
pub(super) fn cpu_time(process: Option<u32>) -> f64 {
    let who = process.map_or("self".to_owned(), |id| id.to_string());
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{who}/task")) else { return 0.0 };
    let of_task = |task: std::fs::DirEntry| {
        let line = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        line.split(' ').next()?.parse::<f64>().ok()
    };
    tasks.flatten().filter_map(of_task).sum()
}
