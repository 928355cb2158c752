// An app without the SDK: says who it is and how often it was started.
use std::{env, fs, io::Write, thread};

const STARTS: &str = "/data/starts";

fn main() {
    let counted = thread::spawn(|| {
        let before = fs::read_to_string(STARTS).ok().and_then(|text| text.parse().ok()).unwrap_or(0u32);
        let starts = before + 1;
        let mut file = fs::File::create(STARTS).expect("storage");
        write!(file, "{starts}").and_then(|()| file.sync_all()).expect("storage");
        starts
    });
    let starts = counted.join().expect("a thread");
    println!("{} in Rust, start {starts}", env::var("PAVISE_APP").unwrap_or_default());
}
