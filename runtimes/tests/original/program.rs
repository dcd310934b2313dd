// A program written for bytes-handoff 1.0.0. It is compiled against that and against this crate.

/// Routes lines to `out` by their first byte. Returns the other lines, and the rest at the end of
/// the input.
async fn route(
    mut input: impl AsyncRead + Unpin,
    out: &WriteHandoff,
) -> Result<(Vec<Bytes>, BytesMut), Box<dyn Error>> {
    let mut buffer = HandoffBuffer::with_config(HandoffBufferConfig::new(64).with_read_reserve(16));
    let mut others = Vec::new();
    while buffer.read_available(&mut input).await? > 0 {
        while let Some(end) = buffer.peek().iter().position(|byte| *byte == b'\n') {
            match buffer.peek()[0] {
                b'a' => out.write_fire_and_forget(buffer.split_prefix(end + 1)?).await?,
                b'b' => {
                    let ticket: WriteTicket = out.write(buffer.split_prefix_mut(end + 1)?.freeze()).await?;
                    ticket.wait().await?;
                }
                b'#' => buffer.advance(end + 1)?,
                _ => others.push(buffer.split_prefix(end + 1)?),
            }
        }
    }
    assert!(buffer.len() <= buffer.capacity() && !buffer.is_empty());
    Ok((others, buffer.take_tail()))
}

/// Reads on behind a tail, until the limit is reached.
async fn tunnel(tail: BytesMut, mut input: impl AsyncRead + Unpin) -> Result<Bytes, BufferError> {
    let mut buffer = HandoffBuffer::from_tail(tail, HandoffBufferConfig::new(8))?;
    buffer.reserve_read_capacity(4)?;
    loop {
        match buffer.read_available(&mut input).await {
            Ok(0) => return Ok(buffer.freeze_all()),
            Ok(_) => {}
            Err(BufferError::LimitExceeded { limit: 8, .. }) => return buffer.split_prefix(8),
            Err(BufferError::Io(error)) => return Err(error.into()),
            Err(error) => return Err(error),
        }
    }
}

/// Fills a handoff whose writer takes nothing, and returns what does not fit.
fn fill(out: &WriteHandoff) -> Result<(WriteTicket, WriteBackpressure), WriteBackpressure> {
    let ticket = out.try_write(Bytes::from_static(b"12345"))?;
    out.try_write_fire_and_forget(Bytes::from_static(b"678"))?;
    assert_eq!(out.pending_bytes(), 8);
    let refused = out.try_write(Bytes::from_static(b"9")).expect_err("there is no room");
    println!("{refused}, {:?}", refused.reason());
    Ok((ticket, refused))
}

/// The error of a write that can never be accepted.
async fn too_large(out: &WriteHandoff) -> WriteError {
    out.write(Bytes::from_static(b"123456789")).await.expect_err("it is larger than the budget")
}

pub(super) async fn run() -> Result<(), Box<dyn Error>> {
    let (near, far) = tokio::io::duplex(1024);
    let out = spawn(near, WriteHandoffConfig::new(1024, 8 * 1024 * 1024));
    let (others, tail) = route(reader(b"a1\n#\nc2\nb3\ntail"), &out.clone()).await?;
    assert_eq!((&others[..], &tail[..]), (&[Bytes::from_static(b"c2\n")][..], &b"tail"[..]));
    assert_eq!(tunnel(tail, reader(b" and more")).await?, "tail and");
    out.close();
    drop(out);
    assert_eq!(received(far).await, b"a1\nb3\n");

    let stuck = spawn(Stuck, WriteHandoffConfig::new(4, 8));
    let (ticket, refused) = fill(&stuck)?;
    assert_eq!(refused.into_bytes(), "9");
    assert!(too_large(&stuck).await.to_string().contains("8 bytes"));
    drop((stuck, ticket));
    assert_eq!(HandoffBuffer::new(64 * 1024).split_prefix(0)?, "");
    Ok(())
}
