//! The shared Redis answers.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use domicile_testkit::redis::Redis;

#[test]
fn the_shared_redis_answers_and_is_shared() {
    let redis = Redis::shared();
    assert_eq!(redis.url(), Redis::shared().url());
    let address = redis.url().trim_start_matches("redis://").trim_end_matches('/').to_owned();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    let mut answer = [0_u8; 7];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
}
