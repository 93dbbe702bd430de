//! The one connection that writes. Whoever waits for it while it syncs shares the next transaction
//! with all others who do: each has a savepoint of its own, and none is answered before the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::Stop;
use crate::catalog::{Error, Refusal};

/// The most that share one transaction: nobody waits for more than these.
const MOST_TOGETHER: usize = 64;

/// The others of a transaction were undone with one that the engine could not bear.
#[derive(Debug, thiserror::Error)]
#[error("the transaction was undone, since another change in it failed")]
struct Undone;

/// Writes, one transaction at a time.
#[derive(Clone)]
pub(super) struct Writer {
    inner: Arc<Inner>,
}

struct Inner {
    connection: Mutex<Connection>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    /// Whether somebody is about to take the jobs, or is at it.
    is_served: bool,
}

/// Work with the connection, if there is a transaction.
type Job = Box<dyn FnOnce(Result<&Connection, Error>) -> Done + Send>;

/// What became of a job, before the commit.
struct Done {
    outcome: Outcome,
    /// Answers who waits for it; with an error, nothing of the transaction is there.
    tell: Box<dyn FnOnce(Result<(), Error>) + Send>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Keep,
    Undo,
    /// To be undone because the disk is full.
    Full,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Self {
        let waiting = Mutex::new(Waiting::default());
        Self { inner: Arc::new(Inner { connection: Mutex::new(connection), waiting }) }
    }

    /// Runs `work`: all of it is durable when this returns, or none is done.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Stop> + Send + 'static,
    ) -> Result<Result<T, Refusal>, Error> {
        let (sender, answer) = oneshot::channel();
        let job = Box::new(move |connection: Result<&Connection, Error>| {
            let done = connection.map_err(Stop::Failed).and_then(work);
            let outcome = match &done {
                Ok(_) => Outcome::Keep,
                Err(Stop::Failed(Error::DiskFull)) => Outcome::Full,
                Err(_) => Outcome::Undo,
            };
            let tell = Box::new(move |committed: Result<(), Error>| {
                let answer = match (done, committed) {
                    (Err(Stop::Failed(error)), _) => Err(error),
                    // Also a refusal: it may be for what another in the transaction did.
                    (_, Err(error)) => Err(error),
                    (Ok(done), Ok(())) => Ok(Ok(done)),
                    (Err(Stop::Refused(refusal)), Ok(())) => Ok(Err(*refusal)),
                };
                drop(sender.send(answer));
            });
            Done { outcome, tell }
        });
        if let Some(serving) = self.put(job) {
            drop(tokio::task::spawn_blocking(move || serving.serve()));
        }
        answer.await.unwrap_or(Err(Error::Stopped))
    }

    /// Lets a job wait; whoever gets something must serve all that wait.
    fn put(&self, job: Job) -> Option<Serving> {
        let mut waiting = self.inner.waiting();
        waiting.jobs.push(job);
        let is_served = std::mem::replace(&mut waiting.is_served, true);
        (!is_served).then(|| Serving { writer: self.clone(), ended: false })
    }
}

/// The duty to serve all who wait. Where it is dropped unserved, by a runtime that ends, those who wait
/// are told that the server stops.
struct Serving {
    writer: Writer,
    ended: bool,
}

impl Serving {
    fn serve(mut self) {
        loop {
            let answers = self.writer.inner.serve_some();
            if self.is_over() {
                // Whoever has the last answer may hold the last of the catalog: it is closed then.
                drop(self);
                answers.tell();
                return;
            }
            answers.tell();
        }
    }

    /// Whether nobody waits any more; then the next one serves.
    fn is_over(&mut self) -> bool {
        let mut waiting = self.writer.inner.waiting();
        self.ended = waiting.jobs.is_empty();
        waiting.is_served = !self.ended;
        self.ended
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if !self.ended {
            let mut waiting = self.writer.inner.waiting();
            waiting.is_served = false;
            let given_up = std::mem::take(&mut waiting.jobs);
            drop(waiting);
            drop(given_up);
        }
    }
}

/// What is to be told to all who shared a transaction.
struct Answers {
    done: Vec<Done>,
    committed: Result<(), Failure>,
}

impl Answers {
    fn tell(self) {
        for Done { tell, .. } in self.done {
            tell(self.committed.as_ref().map(|_| ()).map_err(Failure::to_error));
        }
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what waits in one transaction.
    fn serve_some(&self) -> Answers {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut jobs = {
            let mut waiting = self.waiting();
            let many = waiting.jobs.len().min(MOST_TOGETHER);
            waiting.jobs.drain(..many).collect::<Vec<Job>>().into_iter()
        };
        let mut done = Vec::with_capacity(jobs.len());
        let all = || do_all(&mut connection, &mut jobs, &mut done);
        // What a bug does to one is not to end those who come after it.
        let committed = catch_unwind(AssertUnwindSafe(all)).unwrap_or(Err(Failure::Panic));
        if let Err(failure) = &committed {
            done.extend(jobs.map(|job| job(Err(failure.to_error()))));
        }
        Answers { done, committed }
    }
}

/// Why a transaction came to nothing; there is one error for each who waits.
enum Failure {
    Engine(Arc<rusqlite::Error>),
    Undone { full: bool },
    Panic,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(Arc::new(error))
    }
}

impl Failure {
    fn to_error(&self) -> Error {
        match self {
            Self::Panic => Error::Stopped,
            Self::Undone { full: true } => Error::DiskFull,
            Self::Undone { full: false } => Error::Engine(Box::new(Undone)),
            Self::Engine(error) => match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DiskFull) => Error::DiskFull,
                _ => Error::Engine(Box::new(Arc::clone(error))),
            },
        }
    }
}

fn do_all(
    connection: &mut Connection,
    jobs: &mut impl ExactSizeIterator<Item = Job>,
    done: &mut Vec<Done>,
) -> Result<(), Failure> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Alone it needs no savepoint, which would keep a copy of each page that it changes.
    if jobs.len() == 1
        && let Some(job) = jobs.next()
    {
        let one = job(Ok(&transaction));
        let outcome = one.outcome;
        done.push(one);
        return if outcome == Outcome::Keep {
            Ok(transaction.commit()?)
        } else {
            Ok(transaction.finish()?)
        };
    }
    for job in jobs {
        let savepoint = transaction.savepoint()?;
        let one = job(Ok(&savepoint));
        let outcome = one.outcome;
        done.push(one);
        // On a full disk, among others, the engine gives all of the transaction up. What came next
        // would be outside of any.
        if savepoint.is_autocommit() {
            return Err(Failure::Undone { full: outcome == Outcome::Full });
        }
        if outcome == Outcome::Keep {
            savepoint.commit()?;
        } else {
            savepoint.finish()?;
        }
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    type Work<T> = Box<dyn FnOnce(&Connection) -> Result<T, Stop> + Send>;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE numbers (number INTEGER PRIMARY KEY)").unwrap();
        Writer::new(connection)
    }

    fn insert(db: &Connection, number: i64) -> Result<i64, Stop> {
        db.execute("INSERT INTO numbers (number) VALUES (?1)", [number])?;
        Ok(number)
    }

    fn numbers(db: &Connection) -> Result<Vec<i64>, Stop> {
        let mut statement = db.prepare("SELECT number FROM numbers ORDER BY number")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn refused() -> Stop {
        Stop::refused(Refusal::ArchivesMissing { missing: Vec::new() })
    }

    /// Lets jobs wait until all of them are there, so that they share one transaction.
    async fn at_once<T: Send + 'static>(
        writer: &Writer,
        jobs: Vec<Work<T>>,
    ) -> Vec<Result<Result<T, Refusal>, Error>> {
        let connection = writer.inner.connection.lock().unwrap();
        let mut answers: Vec<_> = jobs.into_iter().map(|job| Box::pin(writer.write(job))).collect();
        for answer in &mut answers {
            assert!(answer.as_mut().now_or_never().is_none());
        }
        drop(connection);
        futures_util::future::join_all(answers).await
    }

    #[tokio::test]
    async fn who_shares_a_transaction_is_refused_alone() {
        let writer = writer();

        let answers = at_once(
            &writer,
            vec![
                Box::new(|db: &Connection| insert(db, 1)),
                Box::new(|db: &Connection| insert(db, 2).and(Err(refused()))),
                Box::new(|db: &Connection| insert(db, 3).and_then(|_| insert(db, 1))),
                Box::new(|db: &Connection| insert(db, 4)),
            ],
        )
        .await;

        assert!(matches!(answers[0], Ok(Ok(1))));
        assert!(matches!(answers[1], Ok(Err(Refusal::ArchivesMissing { .. }))));
        assert!(matches!(answers[2], Err(Error::Engine(_))));
        assert!(matches!(answers[3], Ok(Ok(4))));
        assert_eq!(writer.write(numbers).await.unwrap().unwrap(), [1, 4]);
    }

    #[tokio::test]
    async fn who_is_refused_alone_leaves_nothing() {
        let writer = writer();

        let answer = writer.write(|db| insert(db, 1).and(Err::<i64, _>(refused()))).await;

        assert!(matches!(answer, Ok(Err(Refusal::ArchivesMissing { .. }))));
        assert!(writer.write(numbers).await.unwrap().unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_undoes_the_transaction_undoes_all_in_it() {
        let writer = writer();
        let undo = |db: &Connection| -> Result<i64, Stop> {
            db.execute_batch("ROLLBACK")?;
            Err(Stop::Failed(Error::DiskFull))
        };

        let answers = at_once(
            &writer,
            vec![
                Box::new(|db: &Connection| insert(db, 1)),
                Box::new(undo),
                Box::new(|db: &Connection| insert(db, 2)),
            ],
        )
        .await;

        assert!(answers.iter().all(|answer| matches!(answer, Err(Error::DiskFull))));
        assert!(writer.write(numbers).await.unwrap().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_panic_ends_those_who_share_it_and_nobody_else() {
        let writer = writer();
        let panic = |_: &Connection| -> Result<i64, Stop> { panic!("as a bug would") };

        let answers =
            at_once(&writer, vec![Box::new(|db: &Connection| insert(db, 1)), Box::new(panic)])
                .await;

        assert!(answers.iter().all(|answer| matches!(answer, Err(Error::Stopped))));
        assert!(writer.write(numbers).await.unwrap().unwrap().is_empty());
    }

    #[tokio::test]
    async fn more_than_fit_into_one_transaction_are_all_served() {
        let writer = writer();
        let many = 3 * MOST_TOGETHER as i64 + 1;
        let jobs = (0..many)
            .map(|number| -> Work<i64> { Box::new(move |db: &Connection| insert(db, number)) });

        let answers = at_once(&writer, jobs.collect()).await;

        assert!(answers.iter().all(|answer| matches!(answer, Ok(Ok(_)))));
        assert_eq!(writer.write(numbers).await.unwrap().unwrap().len() as i64, many);
    }
}
